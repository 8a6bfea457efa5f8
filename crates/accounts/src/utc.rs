//! Times in JSON that Postgres wrote, which have the offset of its time zone.

use serde::{Deserializer, Serializer};
use time::serde::rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Reads an RFC 3339 time, and converts it to UTC.
pub fn deserialize<'de, D: Deserializer<'de>>(json: D) -> Result<OffsetDateTime, D::Error> {
    rfc3339::deserialize(json).map(|time| time.to_offset(UtcOffset::UTC))
}

/// Writes an RFC 3339 time.
pub fn serialize<S: Serializer>(time: &OffsetDateTime, json: S) -> Result<S::Ok, S::Error> {
    rfc3339::serialize(time, json)
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use time::macros::datetime;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct At(#[serde(with = "crate::utc")] OffsetDateTime);

    #[test]
    fn times_are_read_in_every_zone_and_written_in_utc() {
        let At(at) = serde_json::from_str("\"2026-11-28T15:30:00.5+02:00\"").unwrap();
        assert_eq!(at, datetime!(2026-11-28 13:30:00.5 UTC));
        let json = serde_json::to_string(&At(at)).unwrap();
        assert_eq!(json, "\"2026-11-28T13:30:00.5Z\"");
    }
}
