//! `roster users import`: sends a file in batches, and continues where an earlier run was interrupted.

mod batches;
mod journal;

use futures::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;
use roster_client::types::ImportReport;

use crate::arguments::ImportUsers;
use crate::commands::progress;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;
use batches::{Batch, Batches};
use journal::{Journal, Progress};

/// Requests in flight.
const PARALLEL: usize = 4;

/// Runs the command.
pub async fn run(session: &Session, output: &Output, options: ImportUsers) -> Result<(), Failure> {
    let mut journal = Journal::open(&options.file, session.url())?;
    let batches = Batches::open(&options.file, journal.progress())?;
    let bar = bar(&options, journal.progress());
    let sent = stream::iter(batches).map(|batch| async move {
        let batch = batch?;
        let report = send(session, &batch).await?;
        Ok::<_, Failure>((batch, report))
    });
    // In the order of the file, so that the journal describes one position.
    let mut sent = sent.buffered(PARALLEL);
    while let Some((batch, report)) = sent.try_next().await? {
        journal.record(&batch, &report)?;
        show(&bar, journal.progress());
    }
    bar.finish_and_clear();
    let progress = journal.close()?;
    let row = [progress.created, progress.unchanged, progress.rejected];
    output.print(
        &progress.counts(),
        ["CREATED", "UNCHANGED", "REJECTED"],
        [row.map(|count| count.to_string())],
    )?;
    match progress.rejected {
        0 => Ok(()),
        rejected => Err(Failure::Local(format!(
            "{rejected} lines were rejected; {} has the reasons",
            journal::report_of(&options.file).display()
        ))),
    }
}

/// Sends a batch. A repetition is safe: the server leaves existing users as they are.
async fn send(session: &Session, batch: &Batch) -> Result<ImportReport, Failure> {
    let call = async |client: roster_client::Client| client.import_lines(batch.body.clone()).await;
    Ok(session.call_with_retries(call).await?.into_inner())
}

fn bar(options: &ImportUsers, progress: &Progress) -> ProgressBar {
    let template = "{bar:40} {percent:>3} %  {msg}  {eta} left";
    let bar = progress::bar(options.progress, progress.size, template);
    show(&bar, progress);
    bar
}

fn show(bar: &ProgressBar, progress: &Progress) {
    bar.set_position(progress.bytes);
    bar.set_message(format!(
        "{} lines, {} rejected",
        progress.lines, progress.rejected
    ));
}
