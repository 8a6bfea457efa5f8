//! Ranges: conversion between the interface's pairs of bounds and the driver's ranges.

use anyhow::Result;
use postgres_range::{BoundSided, BoundType, Normalizable, Range, RangeBound};
use rust_decimal::Decimal;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::values::to_decimal;
use crate::bindings::postgres::RangeBoundKind;

type Bound<T> = Option<(T, RangeBoundKind)>;
/// Lower and upper bound, as the interface has them.
pub type Bounds<T> = (Bound<T>, Bound<T>);

/// Converts a range to the interface's bounds.
pub fn range_from_sql<T, U>(range: Range<T>, convert: impl Fn(&T) -> U) -> Bounds<U>
where
    T: Normalizable + PartialOrd,
{
    (
        range.lower().map(|bound| from_bound(bound, &convert)),
        range.upper().map(|bound| from_bound(bound, &convert)),
    )
}

/// Converts two bounds to the driver's range.
pub fn range_to_sql<T: Normalizable + PartialOrd>((lower, upper): Bounds<T>) -> Range<T> {
    Range::new(lower.map(to_bound), upper.map(to_bound))
}

/// Converts two bounds that are numbers in text to the driver's range.
///
/// # Errors
/// Returns an error if a text is not a number.
pub fn decimal_range((lower, upper): &Bounds<String>) -> Result<Range<RangeDecimal>> {
    let number = |bound: &Bound<String>| {
        let parse = |(text, kind): &(String, RangeBoundKind)| {
            Ok::<_, anyhow::Error>((RangeDecimal(to_decimal(text)?), *kind))
        };
        bound.as_ref().map(parse).transpose()
    };
    Ok(range_to_sql((number(lower)?, number(upper)?)))
}

fn from_bound<S: BoundSided, T, U>(
    bound: &RangeBound<S, T>,
    convert: impl Fn(&T) -> U,
) -> (U, RangeBoundKind) {
    let kind = match bound.type_ {
        BoundType::Inclusive => RangeBoundKind::Inclusive,
        BoundType::Exclusive => RangeBoundKind::Exclusive,
    };
    (convert(&bound.value), kind)
}

fn to_bound<S: BoundSided, T: PartialOrd>((value, kind): (T, RangeBoundKind)) -> RangeBound<S, T> {
    let kind = match kind {
        RangeBoundKind::Inclusive => BoundType::Inclusive,
        RangeBoundKind::Exclusive => BoundType::Exclusive,
    };
    RangeBound::new(value, kind)
}

/// A number that can be the bound of a range.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct RangeDecimal(pub Decimal);

impl Normalizable for RangeDecimal {
    fn normalize<S: BoundSided>(bound: RangeBound<S, Self>) -> RangeBound<S, Self> {
        bound
    }
}

type SqlError = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for RangeDecimal {
    to_sql_checked!();

    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, SqlError> {
        self.0.to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <Decimal as ToSql>::accepts(ty)
    }
}

impl<'a> FromSql<'a> for RangeDecimal {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, SqlError> {
        Decimal::from_sql(ty, raw).map(Self)
    }

    fn accepts(ty: &Type) -> bool {
        <Decimal as FromSql>::accepts(ty)
    }
}
