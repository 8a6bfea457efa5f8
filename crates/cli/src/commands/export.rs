//! `roster users export`: writes all users to a file.

use std::io::{BufWriter, Write};
use std::path::Path;

use roster_client::Client;
use roster_client::types::ExportedUserList;
use serde_json::json;
use tempfile::NamedTempFile;

use crate::arguments::ExportUsers;
use crate::commands::pages::set;
use crate::commands::progress;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;

/// Runs the command.
pub async fn run(session: &Session, output: &Output, options: ExportUsers) -> Result<(), Failure> {
    let named = |error: std::io::Error| Failure::local(&options.file.display().to_string(), error);
    let folder = options.file.parent().filter(|path| *path != Path::new(""));
    // Readable only by its owner, and removed unless the export is complete.
    let file = NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(named)?;
    let mut writer = BufWriter::new(file);
    let template = "{bar:40} {percent:>3} %  {pos} of {len} users  {eta} left";
    let total = match options.progress {
        true => total(session).await?,
        false => 0,
    };
    let bar = progress::bar(options.progress, total, template);
    let (mut exported, mut cursor) = (0, None);
    loop {
        let page = page(session, options.password_hashes, cursor).await?;
        for user in &page.items {
            let line = serde_json::to_string(user);
            let line = line.map_err(|error| Failure::local("JSON", error))?;
            writeln!(writer, "{line}").map_err(named)?;
        }
        exported += page.items.len() as u64;
        bar.set_position(exported);
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    bar.finish_and_clear();
    let file = writer
        .into_inner()
        .map_err(|error| named(error.into_error()))?;
    file.as_file().sync_all().map_err(named)?;
    file.persist_noclobber(&options.file)
        .map_err(|error| named(error.error))?;
    let row = [exported.to_string()];
    output.print(&json!({ "exported": exported }), ["EXPORTED"], [row])
}

async fn page(
    session: &Session,
    password_hashes: bool,
    cursor: Option<String>,
) -> Result<ExportedUserList, Failure> {
    let call = async |client: Client| {
        let mut request = client.export_users().password_hashes(password_hashes);
        set!(request; cursor = cursor.clone());
        request.send().await
    };
    Ok(session.call_with_retries(call).await?.into_inner())
}

/// Number of users at the start, for the progress bar.
async fn total(session: &Session) -> Result<u64, Failure> {
    let call = async |client: Client| {
        client
            .list_users()
            .limit(1)
            .include_total(true)
            .send()
            .await
    };
    let list = session.call_with_retries(call).await?;
    Ok(list
        .total
        .and_then(|total| u64::try_from(total).ok())
        .unwrap_or_default())
}
