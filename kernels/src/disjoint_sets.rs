//! Union-find with path halving (Tarjan & van Leeuwen 1984, DOI
//! 10.1145/62.2160): nearly constant time per step.

/// Sets of the numbers `0..count`; the smallest of a set represents it.
pub(crate) struct DisjointSets(Vec<u32>);

impl DisjointSets {
    /// Every number in a set of its own; `count` is at most 2^32.
    pub(crate) fn new(count: usize) -> Self {
        Self((0..count).map(|item| item as u32).collect())
    }

    fn find(&mut self, item: usize) -> usize {
        let mut root = item;
        while self.0[root] as usize != root {
            // Path halving.
            self.0[root] = self.0[self.0[root] as usize];
            root = self.0[root] as usize;
        }
        root
    }

    /// Makes one set of the sets of `a` and `b`.
    pub(crate) fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        // Every number fits u32 (`new`).
        self.0[a.max(b)] = a.min(b) as u32;
    }

    /// The label of every number, from 1 in the order of the sets' smallest
    /// numbers, and a zero per label.
    pub(crate) fn number(mut self) -> (Vec<u32>, Vec<usize>) {
        let mut labels = vec![0; self.0.len()];
        let mut sizes = Vec::new();
        for item in 0..labels.len() {
            let root = self.find(item);
            if root == item {
                sizes.push(0);
                labels[item] = sizes.len() as u32;
            } else {
                labels[item] = labels[root];
            }
        }
        (labels, sizes)
    }
}
