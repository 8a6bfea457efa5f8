//! Results of a run: tables, JSON, a chart, a line of history, and the pages of docs/.

pub mod capacity;
pub mod chart;
pub mod data;
#[cfg(test)]
mod fixture;
pub mod goals;
pub mod history;
pub mod performance;
pub mod present;
pub mod table;
pub mod view;
pub mod words;
