//! The fourth and fifth layers: a session that knows the bundle's tables and nothing else.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::SchemaRef;
use datafusion::catalog::memory::{MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider};
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{SessionStateDefaults, TaskContext};
use datafusion::optimizer::Optimizer;
use datafusion::prelude::{SessionConfig, SessionContext};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use url::Url;

use super::functions::{Dialect, scalars};
use super::rules;
use super::run::Limits;
use crate::error::AnalyzeError;

/// Where the bundle's data folder stands in the engine's eyes.
pub(crate) const BUNDLE_URL: &str = "bundle:///";
/// The scheme of the URLs of an archive's files.
pub(crate) const ARCHIVE: &str = "archive";

const CATALOG: &str = "casefile";
const SCHEMA: &str = "evidence";
const SESSION: &str = "casefile";
/// Rows of a batch: part of the determinism, so never derived from the machine.
const BATCH_ROWS: usize = 8192;

/// The tables that a query can see.
#[derive(Debug, Clone)]
pub(crate) struct Catalog {
    list: Arc<MemoryCatalogProviderList>,
    schema: Arc<MemorySchemaProvider>,
    names: Vec<String>,
    schemas: BTreeMap<String, SchemaRef>,
    stores: Stores,
}

/// The only object stores of a session: the bundle's data folder and an archive, or none.
#[derive(Debug, Clone, Default)]
struct Stores {
    bundle: Option<Arc<dyn ObjectStore>>,
    archive: Option<Arc<dyn ObjectStore>>,
}

impl Catalog {
    /// An empty catalog, over the data folder of a bundle where there is one.
    pub(crate) fn new(data: Option<&Path>) -> Result<Self, AnalyzeError> {
        let schema = Arc::new(MemorySchemaProvider::new());
        let catalog = MemoryCatalogProvider::new();
        let as_schema: Arc<dyn SchemaProvider> = Arc::clone(&schema) as _;
        catalog.register_schema(SCHEMA, as_schema).map_err(AnalyzeError::internal)?;
        let list = MemoryCatalogProviderList::new();
        list.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        let bundle = match data {
            Some(data) => {
                let store = LocalFileSystem::new_with_prefix(data).map_err(AnalyzeError::internal)?;
                Some(Arc::new(store) as Arc<dyn ObjectStore>)
            }
            None => None,
        };
        let stores = Stores { bundle, archive: None };
        Ok(Self { list: Arc::new(list), schema, names: Vec::new(), schemas: BTreeMap::new(), stores })
    }

    /// Lets queries read files of an archive.
    pub(crate) fn with_archive(mut self, store: Arc<dyn ObjectStore>) -> Self {
        self.stores.archive = Some(store);
        self
    }

    /// Adds a table.
    pub(crate) fn add(&mut self, name: &str, table: Arc<dyn TableProvider>) -> Result<(), AnalyzeError> {
        self.schemas.insert(name.to_owned(), table.schema());
        self.schema.register_table(name.to_owned(), table).map_err(AnalyzeError::internal)?;
        self.names.push(name.to_owned());
        Ok(())
    }

    /// The list that a session looks its tables up in.
    pub(super) fn list(&self) -> Arc<dyn CatalogProviderList> {
        Arc::clone(&self.list) as _
    }

    /// The columns of a table.
    pub(crate) fn schema_of(&self, name: &str) -> Result<SchemaRef, AnalyzeError> {
        let schema = self.schemas.get(name).map(Arc::clone);
        schema.ok_or_else(|| AnalyzeError::internal(format!("there is no table {name}")))
    }

    /// The tables' names, in the order in which they were added.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }
}

impl ObjectStoreRegistry for Stores {
    fn register_store(&self, _url: &Url, _store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> datafusion::common::Result<Arc<dyn ObjectStore>> {
        let store = match url.scheme() {
            "bundle" => &self.bundle,
            ARCHIVE => &self.archive,
            _ => &None,
        };
        store.clone().ok_or_else(|| DataFusionError::Plan(format!("{url} is not in the bundle")))
    }
}

/// The memory pool and the object stores of one query. Each query has its own, so that parallel queries do not
/// change its answer.
fn runtime(stores: Stores, limits: &Limits) -> Result<Arc<RuntimeEnv>, AnalyzeError> {
    let pool = FairSpillPool::new(limits.memory);
    let consumers = std::num::NonZeroUsize::MIN.saturating_add(2);
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(TrackConsumersPool::new(pool, consumers)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
        .with_object_store_registry(Arc::new(stores))
        .build_arc()
        .map_err(AnalyzeError::internal)
}

/// The settings of every session: copies share them.
fn config() -> SessionConfig {
    static CONFIG: LazyLock<SessionConfig> = LazyLock::new(new_config);
    CONFIG.clone()
}

fn new_config() -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(1)
        .with_batch_size(BATCH_ROWS)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA);
    let options = config.options_mut();
    options.execution.time_zone = Some("+00:00".to_owned());
    options.execution.enable_recursive_ctes = false;
    options.execution.parquet.schema_force_view_types = false;
    // The plans are small: a second pass costs more than it saves.
    options.optimizer.max_passes = 1;
    options.sql_parser.collect_spans = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.parse_float_as_decimal = true;
    config
}

/// The context of a plan over late tables: `contents` holds their rows, and no file can be read.
pub(crate) fn task<T: Send + Sync + 'static>(
    contents: Arc<T>,
    limits: &Limits,
) -> Result<Arc<TaskContext>, AnalyzeError> {
    let config = config().with_extension(contents);
    let runtime = runtime(Stores::default(), limits)?;
    // The functions of a plan are in the plan.
    let (scalar, higher_order, aggregate, window) = Default::default();
    let (session, task) = (SESSION.to_owned(), None);
    Ok(Arc::new(TaskContext::new(task, session, config, scalar, higher_order, aggregate, window, runtime)))
}

/// A session in which queries are planned, each with a copy of its state.
pub(crate) fn session(catalog: &Catalog, dialect: Dialect, limits: &Limits) -> Result<SessionContext, AnalyzeError> {
    let aggregate = SessionStateDefaults::default_aggregate_functions();
    let window = SessionStateDefaults::default_window_functions();
    let (logical, physical) = match dialect {
        Dialect::Check => (rules::logical_of_checks(), rules::of_checks()),
        Dialect::Question => (Optimizer::new().rules, rules::of_questions()),
    };
    let state = SessionStateBuilder::new()
        .with_session_id(SESSION.to_owned())
        .with_config(config())
        .with_runtime_env(runtime(catalog.stores.clone(), limits)?)
        .with_catalog_list(catalog.list())
        .with_optimizer_rules(logical)
        .with_physical_optimizer_rules(physical)
        .with_expr_planners(SessionStateDefaults::default_expr_planners())
        .with_scalar_functions(scalars().filter(|f| dialect.allows_scalar(f.name())).collect())
        .with_aggregate_functions(aggregate.into_iter().filter(|f| dialect.allows_aggregate(f.name())).collect())
        .with_window_functions(window.into_iter().filter(|f| dialect.allows_window(f.name())).collect())
        .build();
    Ok(SessionContext::new_with_state(state))
}
