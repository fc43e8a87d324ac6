//! How the table and the operator are sent: a mark, then JSON. Everything else is sent as Ballista sends it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use datafusion::catalog::TableProvider;
use datafusion::common::{TableReference, plan_err};
use datafusion::datasource::file_format::FileFormatFactory;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Extension, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::WorkRequest;
use super::table::{Sent, WorkTable, outside};
use crate::operator::WorkExec;

// No message of protobuf begins with a zero.
const TABLE: &[u8] = b"\0casefile-work-table/1\n";
const OPERATOR: &[u8] = b"\0casefile-work-exec/1\n";

fn write<T: Serialize>(mark: &[u8], value: &T, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.extend_from_slice(mark);
    serde_json::to_writer(buffer, value).map_err(|error| DataFusionError::External(error.into()))
}

fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|error| {
        DataFusionError::External(format!("the plan is of another version of casefile: {error}").into())
    })
}

/// For the client, which sends the table, and the scheduler.
#[derive(Debug, Default)]
pub(crate) struct Logical(BallistaLogicalExtensionCodec);

impl LogicalExtensionCodec for Logical {
    fn try_decode(&self, buffer: &[u8], inputs: &[LogicalPlan], context: &TaskContext) -> Result<Extension> {
        self.0.try_decode(buffer, inputs, context)
    }

    fn try_encode(&self, node: &Extension, buffer: &mut Vec<u8>) -> Result<()> {
        self.0.try_encode(node, buffer)
    }

    fn try_decode_table_provider(
        &self,
        buffer: &[u8],
        name: &TableReference,
        schema: SchemaRef,
        context: &TaskContext,
    ) -> Result<Arc<dyn TableProvider>> {
        match buffer.strip_prefix(TABLE) {
            Some(json) => Ok(Arc::new(WorkTable::try_from(read::<Sent>(json)?).map_err(outside)?)),
            None => self.0.try_decode_table_provider(buffer, name, schema, context),
        }
    }

    fn try_encode_table_provider(
        &self,
        name: &TableReference,
        node: Arc<dyn TableProvider>,
        buffer: &mut Vec<u8>,
    ) -> Result<()> {
        match node.downcast_ref::<WorkTable>() {
            Some(table) => write(TABLE, &table.sent(), buffer),
            None => self.0.try_encode_table_provider(name, node, buffer),
        }
    }

    fn try_decode_file_format(&self, buffer: &[u8], context: &TaskContext) -> Result<Arc<dyn FileFormatFactory>> {
        self.0.try_decode_file_format(buffer, context)
    }

    fn try_encode_file_format(&self, buffer: &mut Vec<u8>, node: Arc<dyn FileFormatFactory>) -> Result<()> {
        self.0.try_encode_file_format(buffer, node)
    }
}

/// For the scheduler, which sends the operator, and the executors.
#[derive(Debug, Default)]
pub(crate) struct Physical(BallistaPhysicalExtensionCodec);

impl PhysicalExtensionCodec for Physical {
    fn try_decode(
        &self,
        buffer: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(json) = buffer.strip_prefix(OPERATOR) else {
            return self.0.try_decode(buffer, inputs, context, converter);
        };
        let [parts] = inputs else { return plan_err!("WorkExec has one child, and not {}", inputs.len()) };
        let work = read::<WorkRequest>(json)?.work().map_err(outside)?;
        Ok(Arc::new(WorkExec::new(Arc::clone(parts), work)))
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buffer: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        match node.downcast_ref::<WorkExec>() {
            Some(operator) => write(OPERATOR, &operator.request(), buffer),
            None => self.0.try_encode(node, buffer, converter),
        }
    }
}
