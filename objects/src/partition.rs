//! AWS's partitions: groups of regions with ARNs and host names of their own (IAM, "Amazon Resource Names").

/// A partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AwsPartition {
    /// How its ARNs begin after `arn:`, e.g. `aws-cn`.
    pub name: &'static str,
    /// How its host names end, e.g. `amazonaws.com.cn`.
    pub domain: &'static str,
}

/// By the beginning of the region's name.
const OTHERS: [(&str, AwsPartition); 7] = [
    ("cn-", AwsPartition { name: "aws-cn", domain: "amazonaws.com.cn" }),
    ("us-gov-", AwsPartition { name: "aws-us-gov", domain: "amazonaws.com" }),
    ("eusc-", AwsPartition { name: "aws-eusc", domain: "amazonaws.eu" }),
    ("us-iso-", AwsPartition { name: "aws-iso", domain: "c2s.ic.gov" }),
    ("us-isob-", AwsPartition { name: "aws-iso-b", domain: "sc2s.sgov.gov" }),
    ("eu-isoe-", AwsPartition { name: "aws-iso-e", domain: "cloud.adc-e.uk" }),
    ("us-isof-", AwsPartition { name: "aws-iso-f", domain: "csp.hci.ic.gov" }),
];

impl AwsPartition {
    /// The partition that most regions are of.
    pub const AWS: Self = Self { name: "aws", domain: "amazonaws.com" };

    /// The partition of a region.
    pub fn of(region: &str) -> Self {
        OTHERS.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or(Self::AWS, |(_, partition)| *partition)
    }
}

impl Default for AwsPartition {
    fn default() -> Self {
        Self::AWS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_tells_its_partition() {
        for (region, name) in [
            ("eu-west-1", "aws"),
            ("us-gov-west-1", "aws-us-gov"),
            ("cn-north-1", "aws-cn"),
            ("eusc-de-east-1", "aws-eusc"),
            ("us-isob-east-1", "aws-iso-b"),
            ("*", "aws"),
        ] {
            assert_eq!(AwsPartition::of(region).name, name);
        }
    }
}
