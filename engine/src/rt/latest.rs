//! A cell that always holds the newest value.

use crossbeam::queue::ArrayQueue;

/// Newest-value cell between one writer and one reader; neither waits.
///
/// The writer replaces an unread value, so the reader sees the newest or
/// nothing, and never a torn one.
#[derive(Debug)]
pub struct Latest<T>(ArrayQueue<T>);

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(ArrayQueue::new(1))
    }
}

impl<T> Latest<T> {
    /// Publishes a value; returns true when an unread one was replaced.
    pub fn publish(&self, value: T) -> bool {
        self.0.force_push(value).is_some()
    }

    /// Takes the newest value, or `None` when it was taken before.
    pub fn take(&self) -> Option<T> {
        self.0.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reader_gets_the_newest_value_once() {
        let cell = Latest::default();
        assert!(!cell.publish(1));
        assert!(cell.publish(2));
        assert_eq!((cell.take(), cell.take()), (Some(2), None));
    }

    #[test]
    fn values_never_go_backwards_across_threads() {
        let cell = std::sync::Arc::new(Latest::default());
        let writer = cell.clone();
        let thread = std::thread::spawn(move || {
            for v in 1..=100_000u64 {
                writer.publish([v; 8]);
            }
        });
        let mut last = 0;
        while last < 100_000 {
            if let Some(value) = cell.take() {
                assert!(value.iter().all(|v| *v == value[0]) && value[0] > last);
                last = value[0];
            }
        }
        thread.join().unwrap();
    }
}
