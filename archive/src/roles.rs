//! The least IAM policies for those who work with an archive in S3.

use casefile_objects::AwsPartition;
use serde_json::{Value, json};

use crate::compact::TABLES;
use crate::labels::LABELS;
use crate::layout::{ATTESTATIONS, BUNDLES, CONFIGS, DECISIONS, INDEX, MARKERS, STOPS, VERDICTS, WAIVERS};

/// Who works with an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The job that validates: `validate --archive`, `archive add`, `attest`.
    Archive,
    /// The job that asks before it deploys: `gate region`, `service`, `plan`, `begin`.
    Gate,
    /// A person: `gate stop`, `lift`, `waive`, `close`.
    Operator,
    /// A nightly job: `archive compact`, `archive index`.
    Compact,
    /// Reads everything, and writes nothing: `archive list`, `verify`, `stats`, `analyze`, `query`, `reproduce`.
    Audit,
}

/// An archive in S3, and how it is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The archive's prefix in the bucket, without a slash at its end.
    pub prefix: &'a str,
    /// The ARN of the key that verdicts are signed with.
    pub kms_key: Option<&'a str>,
    /// The ARN of the key that waivers are signed with.
    pub waiver_kms_key: Option<&'a str>,
    /// Whether a retention is set for each object (`--lock`).
    pub lock: bool,
    /// The partition of the bucket.
    pub partition: AwsPartition,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Archive, Self::Gate, Self::Operator, Self::Compact, Self::Audit];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Gate => "gate",
            Self::Operator => "operator",
            Self::Compact => "compact",
            Self::Audit => "audit",
        }
    }

    /// What it is for.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Archive => "the job that validates: validate --archive, archive add, attest",
            Self::Gate => "the job that asks before it deploys: gate region, service, plan, begin",
            Self::Operator => "a person: gate stop, lift, waive, close; archive label",
            Self::Compact => "a nightly job: archive compact, archive index",
            Self::Audit => {
                "reads everything, and writes nothing: archive list, verify, stats; analyze, query, reproduce"
            }
        }
    }

    /// The folders that it reads; all of them if there are none.
    const fn reads(self) -> &'static [&'static str] {
        match self {
            // A bundle or verdict that is there already is looked at, and not written.
            Self::Archive => &[BUNDLES, VERDICTS, INDEX],
            Self::Gate => &[INDEX, VERDICTS, MARKERS, STOPS, WAIVERS, DECISIONS, ATTESTATIONS],
            Self::Operator => &[INDEX, VERDICTS, MARKERS, STOPS, WAIVERS, DECISIONS, LABELS, ATTESTATIONS],
            Self::Compact => &[BUNDLES, VERDICTS, INDEX, TABLES],
            Self::Audit => &[],
        }
    }

    /// The folders that it writes new objects to.
    const fn writes(self) -> &'static [&'static str] {
        match self {
            Self::Archive => &[BUNDLES, VERDICTS, "packs", CONFIGS, INDEX, ATTESTATIONS],
            Self::Gate => &[DECISIONS, MARKERS],
            Self::Operator => &[STOPS, WAIVERS, MARKERS, LABELS, ATTESTATIONS],
            Self::Compact => &[INDEX, TABLES],
            Self::Audit => &[],
        }
    }

    /// The folders that it removes objects from: what can be made again.
    const fn removes(self) -> &'static [&'static str] {
        match self {
            Self::Archive => &[INDEX],
            Self::Compact => &[INDEX, TABLES],
            _ => &[],
        }
    }

    /// Its IAM policy.
    pub fn policy(self, place: &Place<'_>) -> Value {
        let Place { bucket, prefix, kms_key, waiver_kms_key, lock, partition } = *place;
        let below = |folder: &str| match prefix {
            "" => format!("{folder}/*"),
            prefix => format!("{prefix}/{folder}/*"),
        };
        let arn = format!("arn:{}:s3:::{bucket}", partition.name);
        let objects = |folders: &[&str]| -> Vec<String> {
            folders.iter().map(|folder| format!("{arn}/{}", below(folder))).collect()
        };
        let all = if prefix.is_empty() { "*".to_owned() } else { format!("{prefix}/*") };
        let mut statements = vec![json!({
            "Sid": "List", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [arn],
            // A request for one object has no prefix; without the right to list, S3 says "denied" of one that is not there.
            "Condition": { "StringLikeIfExists": { "s3:prefix": all } },
        })];
        if self == Self::Audit {
            statements.push(json!({
                "Sid": "Read", "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:GetObjectLegalHold"],
                "Resource": [format!("{arn}/{all}")],
            }));
            statements.push(json!({
                "Sid": "Bucket", "Effect": "Allow",
                "Action": ["s3:ListBucketVersions", "s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration"],
                "Resource": [arn],
            }));
        }
        let locks = lock && self != Self::Compact;
        let write = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:PutObjectRetention"];
        for (sid, actions, folders) in [
            ("Read", &["s3:GetObject"][..], self.reads()),
            ("Write", &write[..if locks { 3 } else { 2 }], self.writes()),
            ("Remove", &["s3:DeleteObject"][..], self.removes()),
        ] {
            if !folders.is_empty() {
                statements
                    .push(json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": objects(folders) }));
            }
        }
        // Who signs verdicts signs no waivers.
        let key = match self {
            Self::Archive => kms_key,
            Self::Operator => waiver_kms_key,
            _ => None,
        };
        if let Some(key) = key {
            statements.push(json!({
                "Sid": "Sign", "Effect": "Allow", "Action": ["kms:GetPublicKey", "kms:Sign"], "Resource": [key],
            }));
        }
        json!({ "Version": "2012-10-17", "Statement": statements })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_role_removes_bundles_verdicts_or_documents() {
        for role in Role::ALL {
            assert!(role.removes().iter().all(|folder| [INDEX, TABLES].contains(folder)), "{}", role.name());
        }
        assert!(Role::Gate.writes().iter().all(|folder| [DECISIONS, MARKERS].contains(folder)));
        assert!(Role::Audit.writes().is_empty());
        let place = Place {
            bucket: "evidence",
            prefix: "casefile",
            kms_key: Some("key/verdicts"),
            waiver_kms_key: Some("key/waivers"),
            lock: true,
            partition: AwsPartition::of("us-gov-west-1"),
        };
        let text = |role: Role| role.policy(&place).to_string();
        assert!(!text(Role::Gate).contains("kms:"), "{}", text(Role::Gate));
        assert!(text(Role::Gate).contains("arn:aws-us-gov:s3:::evidence/casefile/decisions/*"));
        assert!(text(Role::Archive).contains("key/verdicts") && !text(Role::Archive).contains("key/waivers"));
        assert!(text(Role::Operator).contains("key/waivers") && !text(Role::Operator).contains("key/verdicts"));
        assert!(
            text(Role::Archive).contains("PutObjectRetention") && !text(Role::Compact).contains("PutObjectRetention")
        );
        let bare = Place { bucket: "evidence", ..Place::default() };
        assert!(Role::Archive.policy(&bare).to_string().contains("arn:aws:s3:::evidence/bundles/*"));
    }
}
