//! Commands that check the project, as pipelines run them.

pub mod audit;
pub mod book;
pub mod chaos;
pub mod check;
pub mod ci;
pub mod codegen;
pub mod coverage;
pub mod fuzz;
pub mod openapi;
pub mod openapi_coverage;
pub mod reproducible;
pub mod sbom;
pub mod soak;
pub mod test;
pub mod test_runner;
