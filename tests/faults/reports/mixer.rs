//! The posts that wait: windows, of which each is shuffled when its turn comes. The three times that a report is posted
//! are in windows of their own, so that other reports come between them.

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::plan::Letter;
use super::post::{Post, Proof};

/// How many windows are filled at a time.
pub(super) const WINDOWS: usize = 4;
/// How many reports an array holds at most.
const ARRAY: usize = 10;

pub(super) struct Mixer {
    windows: VecDeque<Vec<Letter>>,
    rng: StdRng,
}

impl Mixer {
    pub(super) fn new(seed: u64) -> Self {
        Self { windows: (0..WINDOWS).map(|_| Vec::new()).collect(), rng: StdRng::seed_from_u64(seed) }
    }

    pub(super) fn put(&mut self, letters: Vec<Letter>) {
        for letter in letters {
            let window = letter.window % WINDOWS;
            self.windows[window].push(letter);
        }
    }

    /// The next window's posts. A third of its reports is posted in arrays.
    pub(super) fn turn(&mut self) -> Vec<Post> {
        let mut letters = self.windows.pop_front().unwrap_or_default();
        self.windows.push_back(Vec::new());
        letters.shuffle(&mut self.rng);
        let mut posts = Vec::new();
        let mut array: Vec<Vec<u8>> = Vec::new();
        let mut size = 0;
        for letter in letters {
            if letter.alone || !matches!(letter.proof, Proof::Token) || (size == 0 && self.rng.random_bool(0.92)) {
                posts.push(Post::of_one(letter.body, letter.proof));
                continue;
            }
            if size == 0 {
                size = self.rng.random_range(2..=ARRAY);
            }
            array.push(letter.body);
            if array.len() == size {
                posts.push(Post::of_many(std::mem::take(&mut array)));
                size = 0;
            }
        }
        posts.extend(array.into_iter().map(|body| Post::of_one(body, Proof::Token)));
        posts
    }
}
