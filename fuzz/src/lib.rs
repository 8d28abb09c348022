//! What the targets share. A target takes nothing but octets as they would come: how they are cut, and which of two bounds
//! holds, follows from the octets themselves, so that files of `tests/data` are seeds as they are.

/// Numbers that follow from octets.
pub struct Dice(u64);

impl Dice {
    /// FNV-1a over the octets.
    pub fn of(octets: &[u8]) -> Self {
        let hash = octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, octet| {
            (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(hash | 1)
    }

    /// The next number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % end.max(1)
    }
}
