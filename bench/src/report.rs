//! Results of a run: tables, JSON, a chart, a line of history, and the capacity page.

pub mod capacity;
pub mod chart;
pub mod data;
#[cfg(test)]
mod fixture;
pub mod goals;
pub mod history;
pub mod present;
pub mod table;
pub mod view;
pub mod words;
