//! Reads for which this crate has no name.

use crate::{ChainClient, ClientError};
use serde_json::Value;

impl ChainClient {
    /// Sends any read and returns its answer as JSON: methods of the node's own, or calls with state overrides.
    ///
    /// It is tried again as every read is, so it must not change anything on the node.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn read_json(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<Value, ClientError> {
        self.read(method, params).await
    }
}
