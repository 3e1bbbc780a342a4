# EC2's ARNs name no project. What exists is told by its tags, and what is made must be given them in the call that
# makes it; nothing else can be given them, so nobody else's network becomes ours.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
locals {
  # The call that makes a thing, and the thing.
  ec2_new = {
    AllocateAddress       = "elastic-ip"
    CreateFlowLogs        = "vpc-flow-log"
    CreateInternetGateway = "internet-gateway"
    CreateNatGateway      = "natgateway"
    CreateRouteTable      = "route-table"
    CreateSecurityGroup   = "security-group"
    CreateSubnet          = "subnet"
    CreateVpc             = "vpc"
  }
  ec2_rules = ["AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress"]
  # Everything that our calls change or make something in.
  ec2_types = distinct(concat(values(local.ec2_new), ["security-group-rule", "vpc-endpoint"]))
}

data "aws_iam_policy_document" "terraform_network" {
  # Descriptions know no resource.
  statement {
    sid = "Look"
    actions = [
      "ec2:DescribeAddresses", "ec2:DescribeAddressesAttribute", "ec2:DescribeFlowLogs",
      "ec2:DescribeInternetGateways", "ec2:DescribeNatGateways", "ec2:DescribeNetworkAcls",
      "ec2:DescribeNetworkInterfaces", "ec2:DescribePrefixLists", "ec2:DescribeRouteTables",
      "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
      "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs",
    ]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = [var.region]
    }
  }

  # One statement for each, since a call is asked for each thing that it touches: with all in one statement, making a
  # tagged subnet would be allowed in anybody's VPC.
  dynamic "statement" {
    for_each = local.ec2_new

    content {
      sid       = statement.key
      actions   = ["ec2:${statement.key}"]
      resources = ["${local.arn["ec2"]}:${statement.value}/*"]

      dynamic "condition" {
        for_each = local.of_new

        content {
          test     = "StringEquals"
          variable = condition.key
          values   = [condition.value]
        }
      }
    }
  }

  statement {
    sid       = "NewRules"
    actions   = [for call in local.ec2_rules : "ec2:${call}"]
    resources = ["${local.arn["ec2"]}:security-group-rule/*"]

    dynamic "condition" {
      for_each = local.of_new

      content {
        test     = "StringEquals"
        variable = condition.key
        values   = [condition.value]
      }
    }
  }

  # MWAA makes endpoints and interfaces too, with the rights of who makes the environment and without our tags; the
  # statement below says in which VPC, subnet and group.
  # https://docs.aws.amazon.com/mwaa/latest/userguide/access-policies.html (AmazonMWAAFullApiAccess)
  statement {
    sid       = "NewEndpoints"
    actions   = ["ec2:CreateNetworkInterface", "ec2:CreateVpcEndpoint"]
    resources = ["${local.arn["ec2"]}:network-interface/*", "${local.arn["ec2"]}:vpc-endpoint/*"]
  }

  statement {
    sid = "Ours"
    actions = concat([
      "ec2:AssociateRouteTable", "ec2:AttachInternetGateway", "ec2:CreateNetworkInterface", "ec2:CreateRoute",
      "ec2:CreateTags", "ec2:CreateVpcEndpoint", "ec2:DeleteFlowLogs", "ec2:DeleteInternetGateway",
      "ec2:DeleteNatGateway", "ec2:DeleteRoute", "ec2:DeleteRouteTable", "ec2:DeleteSecurityGroup",
      "ec2:DeleteSubnet", "ec2:DeleteTags", "ec2:DeleteVpc", "ec2:DeleteVpcEndpoints", "ec2:DescribeVpcAttribute", "ec2:DetachInternetGateway",
      "ec2:DisassociateAddress", "ec2:DisassociateRouteTable", "ec2:ModifySecurityGroupRules",
      "ec2:ModifyVpcAttribute", "ec2:ModifyVpcEndpoint", "ec2:ReleaseAddress",
      "ec2:ReplaceRoute", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
      # Each makes one thing in another, which must be ours.
      "ec2:CreateFlowLogs", "ec2:CreateNatGateway", "ec2:CreateRouteTable", "ec2:CreateSecurityGroup",
      "ec2:CreateSubnet",
    ], [for call in local.ec2_rules : "ec2:${call}"])
    resources = [for type in local.ec2_types : "${local.arn["ec2"]}:${type}/*"]

    dynamic "condition" {
      for_each = local.of_itself

      content {
        test     = "StringEquals"
        variable = condition.key
        values   = [condition.value]
      }
    }
  }

  # Tags for what a call of ours makes, and for nothing that exists.
  statement {
    sid       = "TagNew"
    actions   = ["ec2:CreateTags"]
    resources = [for type in local.ec2_types : "${local.arn["ec2"]}:${type}/*"]

    condition {
      test     = "StringEquals"
      variable = "ec2:CreateAction"
      values   = concat(keys(local.ec2_new), local.ec2_rules, ["CreateVpcEndpoint"])
    }
  }
}
