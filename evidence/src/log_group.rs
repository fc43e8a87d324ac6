//! How the evidence names log groups: by name, and by ARN where a group is of another account or region than the service.

/// The name in a log group's name, ARN, or ARN with `:*`.
pub fn log_group_name(log_group: &str) -> &str {
    let name = log_group.split_once(":log-group:").map_or(log_group, |(_, rest)| rest);
    name.split_once(':').map_or(name, |(name, _)| name)
}
