"""Airflow glue: adopting SageMaker operators, their trigger, announcements."""
