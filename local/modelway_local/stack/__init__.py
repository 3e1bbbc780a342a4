"""The local stack: moto, the gateway and Airflow, under one supervisor."""
