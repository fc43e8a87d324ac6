//! Picks one setting from its sources.

use casefile_collector::terraform::Outputs;

use crate::error::Error;

/// A setting: a flag wins over the Terraform output that the config names, that over the config.
pub(crate) fn pick(
    outputs: Option<&Outputs>,
    flag: &Option<String>,
    output: &Option<String>,
    set: &Option<String>,
) -> Result<Option<String>, Error> {
    match (flag, output, outputs) {
        (Some(flag), _, _) => Ok(Some(flag.clone())),
        (None, Some(name), Some(outputs)) => Ok(Some(outputs.get(name)?)),
        _ => Ok(set.clone()),
    }
}
