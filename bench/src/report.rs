//! How a measurement is printed.

use std::time::Duration;

use crate::load::Load;
use crate::statistics::quantile;

/// Names the scenario that begins.
pub fn title(text: &str) {
    println!("\n## {text}");
}

/// One line for the whole, one for each status.
pub fn load(name: &str, load: &Load) {
    println!(
        "{name}: {} connections, {:.0} s: {:.1} requests/s, p50 {}, p99 {}, errors {}",
        load.connections,
        load.time.as_secs_f64(),
        load.per_second(),
        milliseconds(load.quantile(0.5)),
        milliseconds(load.quantile(0.99)),
        load.errors,
    );
    for (status, times) in &load.by_status {
        println!(
            "  {status}: {} ({:.1}/s), p50 {}, p99 {}",
            times.len(),
            times.len() as f64 / load.time.as_secs_f64(),
            milliseconds(quantile(times, 0.5)),
            milliseconds(quantile(times, 0.99)),
        );
    }
}

pub fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}
