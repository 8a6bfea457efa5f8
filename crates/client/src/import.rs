//! Imports as lines, which the server parses: the generated `import_users` sends typed users.

use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;

use crate::types::{ImportReport, Problem};
use crate::{Client, ClientInfo, Error, ResponseValue};

impl Client {
    /// Sends `POST /api/v1/users/import` with a body of type `application/x-ndjson`: one user per line, up to 1,000 lines
    /// and 4 MiB.
    ///
    /// # Errors
    /// As of every call. A rejected line is no error, but in the report.
    pub async fn import_lines(
        &self,
        lines: Vec<u8>,
    ) -> Result<ResponseValue<ImportReport>, Error<Problem>> {
        let url = format!("{}/api/v1/users/import", self.baseurl());
        let request = self.client().post(url);
        let request = request.header(CONTENT_TYPE, "application/x-ndjson");
        let response = request.body(lines).send().await?;
        match response.status() {
            StatusCode::OK => ResponseValue::from_response(response).await,
            status if status.is_client_error() || status.is_server_error() => {
                let problem = ResponseValue::from_response::<Problem>(response).await?;
                Err(Error::ErrorResponse(problem))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
}
