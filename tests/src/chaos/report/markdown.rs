//! Report as Markdown tables.

use std::fmt::Write;

use super::Report;
use crate::chaos::log::Operation;
use crate::chaos::meter::RESPONSE_LIMIT;

impl Report {
    /// Returns the report for people.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "# Chaos\n")?;
        writeln!(
            text,
            "Commit {}, seed {}, {} clients, {} s: {} kills, {} acknowledged changes. Postgres: {}.\n",
            self.commit,
            self.seed,
            self.clients,
            self.seconds,
            self.kills,
            self.acknowledged,
            self.durability
        )?;
        self.write_operations(text)?;
        self.write_faults(text)?;
        writeln!(
            text,
            "\nAfter the faults, {} access tokens were tried again, before and after Redis was flushed.",
            self.tokens
        )?;
        let (count, longest) = self.outdated;
        writeln!(
            text,
            "\nImmediately after a frozen Redis resumed, {count} responses were stale, for at most {longest} ms."
        )?;
        if let Some(longest) = self.stalls.iter().max() {
            writeln!(
                text,
                "\nThe run itself stalled {} times, for at most {longest} ms; measurements across a \
                 stall are excluded.",
                self.stalls.len()
            )?;
        }
        for (kind, why) in &self.skipped {
            writeln!(text, "\nSkipped: {} ({why}).", kind.name())?;
        }
        let title = format!(
            "Responses that no fault explains ({})",
            self.violation_count
        );
        write_list(text, &title, &self.violations)?;
        write_list(text, "Lost, phantom, duplicate", &self.findings)?;
        let limit = RESPONSE_LIMIT.as_millis();
        write_list(text, &format!("Responses after {limit} ms"), &self.late)?;
        let count = self.broken_count;
        let title = format!("Requests without a response while no host was stopped ({count})");
        write_list(text, &title, &self.broken)
    }

    fn write_operations(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "| change | acknowledged | failed | unknown, resolved | unknown | lost | phantom | duplicate |\n\
             |---|---|---|---|---|---|---|---|"
        )?;
        for operation in Operation::ALL {
            let tally = self.operations.get(&operation).copied().unwrap_or_default();
            writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                operation.name(),
                tally.acknowledged,
                tally.failed,
                tally.resolved,
                tally.unknown,
                tally.lost,
                tally.phantom,
                tally.duplicate
            )?;
        }
        Ok(())
    }

    fn write_faults(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\n| fault | times | lasted at most, ms | responses | of them 503 | no response | slowest, ms | late | \
             recovery, median ms | longest |\n|---|---|---|---|---|---|---|---|---|---|"
        )?;
        let faults = self.faults.iter().map(|(kind, fault)| (kind.name(), fault));
        for (name, fault) in faults.chain([("none", &self.calm)]) {
            writeln!(
                text,
                "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                fault.count,
                fault.lasted,
                fault.responses,
                fault.unavailable,
                fault.no_response,
                fault.slowest,
                fault.late,
                fault.recovery_median,
                fault.recovery_longest
            )?;
        }
        Ok(())
    }
}

fn write_list(text: &mut String, title: &str, lines: &[String]) -> std::fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n## {title}\n")?;
    for line in lines {
        writeln!(text, "- {line}")?;
    }
    Ok(())
}
