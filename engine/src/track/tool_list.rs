//! A short list of fixed size, so that packets and snapshots are plain data.

use std::ops::Deref;

/// Instruments a packet can carry beside the patient reference.
pub const MAX_TOOLS: usize = 8;

/// At most [`MAX_TOOLS`] values, copied whole and never on the heap.
///
/// Reads like a slice: `list.iter()`, `list.len()`, `list.first()`.
#[derive(Debug, Clone, Copy)]
pub struct ToolList<T> {
    items: [T; MAX_TOOLS],
    len: u8,
}

impl<T: Copy + Default> Default for ToolList<T> {
    fn default() -> Self {
        Self { items: [T::default(); MAX_TOOLS], len: 0 }
    }
}

impl<T: Copy + Default> ToolList<T> {
    /// Appends a value; returns false, and changes nothing, when the list is full.
    #[must_use]
    pub fn push(&mut self, value: T) -> bool {
        let Some(place) = self.items.get_mut(usize::from(self.len)) else { return false };
        *place = value;
        self.len += 1;
        true
    }

    /// The values in a slice of at most [`MAX_TOOLS`]; `None` for a longer one.
    #[must_use]
    pub fn from_slice(values: &[T]) -> Option<Self> {
        let mut list = Self::default();
        values.iter().all(|value| list.push(*value)).then_some(list)
    }
}

impl<T: Copy + Default> FromIterator<T> for ToolList<T> {
    /// The first [`MAX_TOOLS`] values; the others are left out. Who must not
    /// lose any asks [`ToolList::from_slice`] or [`ToolList::from_slots`].
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut list = Self::default();
        // Not beyond what is taken: the iterator may have no end.
        values.into_iter().take(MAX_TOOLS).for_each(|value| {
            let _it_fits = list.push(value);
        });
        list
    }
}

impl<T> ToolList<T> {
    /// The first `len` of all places; `None` when there are not so many.
    #[must_use]
    pub fn from_slots(items: [T; MAX_TOOLS], len: u64) -> Option<Self> {
        let len = u8::try_from(len).ok().filter(|len| usize::from(*len) <= MAX_TOOLS)?;
        Some(Self { items, len })
    }

    /// The values, to change in place.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.items[..usize::from(self.len)].iter_mut()
    }
}

impl<T> Deref for ToolList<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // `push` alone changes `len`, and never past the array.
        &self.items[..usize::from(self.len)]
    }
}

impl<T: PartialEq> PartialEq for ToolList<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ninth_tool_is_refused_and_the_eight_stay() {
        let mut list = ToolList::default();
        assert!((0..8).all(|v| list.push(v)));
        assert!(!list.push(8));
        assert_eq!(*list, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(ToolList::from_slice(&[0; 9]).is_none());
    }

    #[test]
    fn more_values_than_places_are_cut_or_refused() {
        assert_eq!((0..).collect::<ToolList<i32>>(), ToolList::from_slice(&[0, 1, 2, 3, 4, 5, 6, 7]).unwrap());
        assert_eq!(*ToolList::from_slots([7; MAX_TOOLS], 2).unwrap(), [7, 7]);
        assert!(ToolList::from_slots([7; MAX_TOOLS], 9).is_none() && ToolList::from_slots([7; 8], 264).is_none());
    }

    #[test]
    fn what_lies_behind_the_end_does_not_count() {
        let (mut a, b) = (ToolList::from_slice(&[1, 2]).unwrap(), ToolList::from_slice(&[1]).unwrap());
        a.len = 1;
        assert_eq!(a, b);
    }
}
