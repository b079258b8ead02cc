//! What a measurement found, as text for people.

use std::fmt::Write;

use kernels::roofline::Roofline;

use super::super::machine::Machine;
use super::results::{Entry, Ratio, Results};

/// A line a side, then us against the fastest peer, then what was left out.
pub fn text(results: &Results) -> String {
    let Machine { processor, threads, .. } = &results.machine;
    let Roofline { peak_gflops, bandwidth_gb_s } = results.roof;
    let mut text = format!(
        "{processor}, {threads} threads, {peak_gflops:.0} GFLOP/s, {bandwidth_gb_s:.0} GB/s, commit {}\n",
        results.commit
    );
    let header = ("network", "size", "runtime", "p50 ms", "p90 ms", "GFLOP/s", "of roof", "net MB");
    let (a, b, c, d, e, f, g, h) = header;
    let _infallible = writeln!(text, "{a:17} {b:11} {c:26} {d:>9} {e:>9} {f:>8} {g:>7} {h:>7}");
    for entry in results.groups.iter().flat_map(|group| &group.entries) {
        let Entry { network, size, runtime, dtype, times, .. } = entry;
        let number = |value: Option<f64>, digits: usize| value.map_or("-".into(), |v| format!("{v:.digits$}"));
        let share = entry.roofline_share.map_or("-".into(), |share| format!("{:.0} %", 100.0 * share));
        let _infallible = writeln!(
            text,
            "{network:17} {size:11} {:26} {:9.1} {:9.1} {:>8} {share:>7} {:>7}",
            format!("{runtime} {dtype}"),
            times.p50_ms,
            times.p90_ms,
            number(entry.gflops, 0),
            number(entry.net_peak_mb, 0),
        );
    }
    for Ratio { network, size, peer, speedup, memory, .. } in results.ratios() {
        let memory = memory.map_or(String::new(), |m| format!(", its memory {m:.2} times ours"));
        let _infallible = writeln!(text, "{network} {size}: {speedup:.2} times as fast as {peer}{memory}");
    }
    results.notes.iter().for_each(|note| text.extend(["Note: ", note, "\n"]));
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::example;
    use super::*;

    #[test]
    fn a_reader_sees_who_is_faster_and_what_is_doubtful() {
        let text = text(&example());
        for words in ["1.50 times as fast as A & <B> f32", "50 %", "Note: ", "of C differs", "commit "] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}
