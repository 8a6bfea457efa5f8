//! Medians, spreads, and the probability that two samples differ.

use std::time::Duration;

use crate::report::data::Spread;

/// Returns the median of `values` (with an even number, the mean of the middle two), minimum and
/// maximum; zeros without values.
pub fn spread(values: impl IntoIterator<Item = f64>) -> Spread {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    let middle = sorted.len() / 2;
    Spread {
        median: match sorted.len() % 2 {
            1 => at(middle),
            _ => (at(middle.saturating_sub(1)) + at(middle)) / 2.0,
        },
        min: at(0),
        max: at(sorted.len().saturating_sub(1)),
    }
}

/// Returns the middle value.
pub fn median(sample: &[Duration]) -> Duration {
    Duration::from_secs_f64(spread(sample.iter().map(Duration::as_secs_f64)).median)
}

/// Returns the probability that samples of one distribution differ at least as much as these, in either
/// direction (rank sums after Mann and Whitney, normal approximation for large samples).
pub fn rank_sum_p(a: &[Duration], b: &[Duration]) -> f64 {
    let mut all: Vec<(Duration, bool)> = a.iter().map(|time| (*time, true)).collect();
    all.extend(b.iter().map(|time| (*time, false)));
    all.sort();
    let (mut rank_sum, mut ties, mut below) = (0.0, 0.0, 0.0);
    for group in all.chunk_by(|one, next| one.0 == next.0) {
        let size = group.len() as f64;
        // Equal values share the mean of their ranks.
        let rank = below + (size + 1.0) / 2.0;
        rank_sum += rank * group.iter().filter(|(_, of_a)| *of_a).count() as f64;
        ties += size.powi(3) - size;
        below += size;
    }
    let (n, m, all) = (a.len() as f64, b.len() as f64, below);
    let u = rank_sum - n * (n + 1.0) / 2.0;
    let variance = n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    if variance > 0.0 {
        erfc((u - n * m / 2.0).abs() / variance.sqrt() / 2.0_f64.sqrt())
    } else {
        1.0
    }
}

/// Complementary error function for x >= 0, to 1.2e-7 of its value (Numerical Recipes, 6.2).
fn erfc(x: f64) -> f64 {
    const TERMS: [f64; 10] = [
        0.17087277,
        -0.82215223,
        1.48851587,
        -1.13520398,
        0.27886807,
        -0.18628806,
        0.09678418,
        0.37409196,
        1.00002368,
        -1.26551223,
    ];
    let t = 1.0 / (1.0 + 0.5 * x);
    let sum = TERMS.iter().fold(0.0, |sum, term| sum * t + term);
    t * (sum - x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: impl IntoIterator<Item = u64>) -> Vec<Duration> {
        values.into_iter().map(Duration::from_micros).collect()
    }

    #[test]
    fn a_spread_has_median_minimum_and_maximum() {
        let odd = spread([3.0, 1.0, 7.0]);
        assert_eq!((odd.median, odd.min, odd.max), (3.0, 1.0, 7.0));
        assert_eq!(spread([4.0, 1.0]).median, 2.5);
        assert_eq!(spread([]), Spread::default());
        assert_eq!(median(&sample([9, 1, 5])), Duration::from_micros(5));
    }

    #[test]
    fn the_rank_sum_test_detects_shifted_samples() {
        let one = sample((0..500).map(|i| 1000 + i * 7 % 100));
        assert!((rank_sum_p(&one, &one) - 1.0).abs() < 1e-6);
        let moved = sample((0..500).map(|i| 1010 + i * 7 % 100));
        assert!(rank_sum_p(&one, &moved) < 1e-6);
        // Computed by hand: U = 2, mean 4.5, variance 5.25.
        let p = rank_sum_p(&sample([1, 2, 5]), &sample([3, 4, 6]));
        assert!((p - 0.275_23).abs() < 1e-4, "{p}");
    }

    #[test]
    fn erfc_matches_the_tails_of_the_normal_distribution() {
        for (z, p) in [
            (0.0, 1.0),
            (1.0, 0.317_311),
            (1.96, 0.049_996),
            (3.0, 0.002_700),
        ] {
            assert!((erfc(z / 2.0_f64.sqrt()) - p).abs() < 1e-5, "{z}");
        }
    }
}
