//! StealthStation S8 cranial, class I, 876 systems: a digit was replaced by a
//! blank on the screen, "8_.5 mm".

use engine::io::numbers;
use engine::safety::Alarms;
use geom::{Degrees, Millimetres};

/// What a reader of the screen understands.
fn understood(shown: &str, unit: &str) -> f64 {
    let number = shown.strip_suffix(unit).unwrap();
    assert!(!number.contains(' '), "{shown:?} has a blank inside");
    number.parse().unwrap()
}

#[test]
fn recall_stealthstation_cranial_every_tenth_of_a_millimetre_is_shown_whole() {
    for tenths in -20_000i32..=20_000 {
        let value = f64::from(tenths) / 10.0;
        let shown = format!("{:.1}", Millimetres(value));
        assert!((understood(&shown, " mm") - value).abs() < 1e-9, "{value} is shown as {shown:?}");
    }
}

#[test]
fn recall_stealthstation_cranial_long_and_short_numbers_lose_nothing() {
    for exponent in -6..=12 {
        for mantissa in [1.0, 1.5, 9.999_999, 8.05, -3.3] {
            let value: f64 = mantissa * 10f64.powi(exponent);
            assert_eq!(understood(&Millimetres(value).to_string(), " mm").to_bits(), value.to_bits());
            assert_eq!(understood(&Degrees(value).to_string(), " deg").to_bits(), value.to_bits());
        }
    }
}

#[test]
fn recall_stealthstation_cranial_a_narrow_field_never_cuts_a_number() {
    // A width is the least, never the most: the digits go first.
    assert_eq!(format!("{:1.1}", Millimetres(1234.56)), "1234.6 mm");
    assert_eq!(format!("{:08.2}", Millimetres(8.5)), "00008.50 mm");
}

#[test]
fn recall_stealthstation_cranial_a_number_with_a_blank_is_refused_where_it_is_read() {
    let path = std::env::temp_dir().join(format!("spinenav-recall-digits-{}", std::process::id()));
    for line in ["8_.5 1 2", "8 .5 1 2", "8. 5 1 2", "_8.5 1 2", "8.5_ 1 2"] {
        std::fs::write(&path, line).unwrap();
        let said = numbers::read_rows::<3>(&path, "x y z").unwrap_err().to_string();
        assert!(said.contains("line 1"), "{line}: {said}");
    }
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn recall_stealthstation_cranial_no_alarm_is_shown_without_words() {
    let mut all = Alarms::default();
    for alarm in engine::safety::Alarm::ALL {
        all.raise_if(alarm, true);
        assert!(alarm.advice().len() > 20 && !alarm.advice().contains("  "), "{alarm:?}");
    }
    assert_eq!(all.iter().count(), engine::safety::Alarm::ALL.len());
}
