//! The rules of before: those of the verdict that the archive has, or others that were given.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use casefile_analyzer::{Analyzer, Pack, Settings};
use casefile_archive::{Archive, Entry};
use casefile_evidence::Bundle;

use super::is_of_this_engine;
use crate::config::Loaded;
use crate::error::Error;
use crate::verbs::kept_pack;

/// Rules that were given to compare with.
pub(crate) struct Given {
    pub(crate) analyzer: Analyzer,
    /// `None`: each bundle's own config.
    pub(crate) settings: Option<Settings>,
}

/// Where the verdicts of before come from.
pub(crate) enum Rules {
    /// The newest verdict of each bundle in the archive. What the archive keeps of their rules is read once each.
    Sealed {
        own: Arc<Pack>,
        kept: Mutex<Kept>,
    },
    Given(Arc<Given>),
}

#[derive(Default)]
pub(crate) struct Kept {
    packs: BTreeMap<String, Option<Arc<Pack>>>,
    configs: BTreeMap<String, Option<Arc<Settings>>>,
}

/// The rules of one verdict.
pub(crate) enum RulesOf {
    Sealed {
        /// `None`: the archive does not have it.
        pack: Option<Arc<Pack>>,
        settings: Option<Arc<Settings>>,
        is_of_this_engine: bool,
    },
    Given(Arc<Given>),
}

impl Rules {
    /// The verdicts of the archive. `own`: a pack that is at hand.
    pub(crate) fn sealed(own: Pack) -> Self {
        Self::Sealed { own: Arc::new(own), kept: Mutex::default() }
    }

    /// The rules of an entry's verdict; `None` where it has none.
    pub(crate) async fn of(&self, archive: &Archive, entry: &Entry) -> Result<Option<RulesOf>, Error> {
        let (own, kept) = match self {
            Self::Given(given) => return Ok(Some(RulesOf::Given(Arc::clone(given)))),
            Self::Sealed { own, kept } => (own, kept),
        };
        let (Some(_), Some(pack), Some(config)) = (&entry.verdict_digest, &entry.pack, &entry.config) else {
            return Ok(None);
        };
        let (of_pack, of_config) = {
            let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            (kept.packs.get(pack).cloned(), kept.configs.get(config).cloned())
        };
        let of_pack = match of_pack {
            Some(known) => known,
            None if own.digest().to_string() == *pack => Some(Arc::clone(own)),
            None => match archive.kept("packs", pack).await? {
                // Views of another version, or checks that this one does not take: all of the verdict is computed again.
                Some(bytes) => kept_pack(&bytes).ok().map(Arc::new).filter(|kept| kept.digest().to_string() == *pack),
                None => None,
            },
        };
        let of_config = match of_config {
            Some(known) => known,
            None => match archive.kept("configs", config).await? {
                Some(bytes) => serde_json::from_slice::<Settings>(&bytes).ok().map(Arc::new),
                None => None,
            },
        };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.packs.insert(pack.clone(), of_pack.clone());
        kept.configs.insert(config.clone(), of_config.clone());
        let is_of_this_engine = is_of_this_engine(entry);
        Ok(Some(RulesOf::Sealed { pack: of_pack, settings: of_config, is_of_this_engine }))
    }
}

/// The config that is sealed into a bundle.
pub(super) fn sealed_settings(bundle: &Bundle) -> Result<Settings, Error> {
    Ok(Loaded::for_bundle(None, bundle.manifest().config.as_ref())?.config.settings())
}
