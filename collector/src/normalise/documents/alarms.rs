//! The CloudWatch alarms that ECS watches during a deployment (`deploymentConfiguration.alarms` of the service).

use std::collections::BTreeSet;

use crate::document::Document;
use crate::normalise::fields::Fields;
use crate::normalise::{Assembly, Remarks, rows};

/// The names of the alarms that a service's deployments are watched by; none where that is not enabled.
pub(super) fn watched_alarms(service: Fields<'_>, remarks: &mut Remarks) -> BTreeSet<String> {
    let alarms = service.object("deploymentConfiguration", remarks).object("alarms", remarks);
    let enabled = alarms.boolean("enable", remarks).unwrap_or(false);
    alarms.texts("alarmNames").into_iter().filter(|name| enabled && !name.is_empty()).collect()
}

impl Assembly {
    pub(super) fn alarms(&mut self, document: &Document) {
        let Some(answer) = document.response() else { return self.account("alarms", document, 0, None) };
        let answer = Fields::new(answer, &document.origin, "DescribeAlarms");
        let watched = &self.topology.watched_alarms;
        let mut found = BTreeSet::new();
        for list in ["MetricAlarms", "CompositeAlarms"] {
            for item in answer.list(list, &mut self.remarks) {
                let Some(name) = item.id("AlarmName", &mut self.remarks) else { continue };
                // A bare answer may be about all alarms of the account.
                if watched.contains(&name) && found.insert(name.clone()) {
                    self.output.push(rows::alarm(item, name, self.current, &mut self.remarks));
                }
            }
        }
        let asked = document.request.as_ref().map(|request| {
            let request = Fields::new(request, &document.origin, "request");
            request.texts("AlarmNames").into_iter().collect::<BTreeSet<_>>()
        });
        let missing = asked.as_ref().unwrap_or(watched).difference(&found);
        let missing = missing.map(String::as_str).collect::<Vec<_>>().join(", ");
        let problem = (!missing.is_empty()).then(|| format!("ECS watches {missing}, and the answer has no such alarm"));
        self.account("alarms", document, found.len(), problem);
    }
}
