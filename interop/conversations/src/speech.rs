//! The messages of a client, and the check of their echoes.

use std::iter;

use hybi::Message;
use hybi::connection::Data;

use crate::Outcome;

const LENS: [usize; 13] =
    [0, 1, 5, 125, 126, 127, 1000, 32_768, 65_535, 65_536, 65_537, 200_000, 1 << 20];

/// How a message is sent.
#[derive(Clone, Copy)]
pub enum How {
    Whole,
    /// In three parts, if the client can.
    InParts,
    /// Prepared, as for many receivers, if the client can.
    Prepared,
}

pub struct Speech {
    text: String,
    noise: Vec<u8>,
    short: Vec<String>,
}

impl Speech {
    pub fn new() -> Self {
        let text = "{\"id\":17,\"name\":\"Grüße 😀\"},".repeat((1 << 20) / 30 + 1);
        let mut state = 1u64;
        let noise = iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        });
        let short = |i| format!("{{\"number\":{i},\"text\":\"message {}\"}}", i * 7919 % 1000);
        let short = (0..500).map(short).collect();
        Self { text, noise: noise.take(1 << 20).collect(), short }
    }

    /// Returns the messages. Each comes back before the next is sent.
    pub fn messages(&self) -> impl Iterator<Item = (Data<'_>, How)> {
        let of = |len| {
            let text = &self.text[..self.text.floor_char_boundary(len)];
            [Data::Text(text), Data::Binary(&self.noise[..len])]
        };
        let long = LENS.into_iter().flat_map(of);
        let long = long.flat_map(|data| [(data, How::Whole), (data, How::InParts)]);
        let hows = [How::Whole, How::Prepared].into_iter().cycle();
        long.chain(self.short.iter().map(|text| Data::Text(text)).zip(hows))
    }
}

/// Returns three parts of a message, of which the second is empty.
pub fn parts(data: Data<'_>) -> [Data<'_>; 3] {
    match data {
        Data::Text(text) => {
            let (first, last) = text.split_at(text.floor_char_boundary(text.len() / 3));
            [first, "", last].map(Data::Text)
        }
        Data::Binary(data) => {
            let (first, last) = data.split_at(data.len() / 3);
            [first, &[], last].map(Data::Binary)
        }
    }
}

/// Checks that what came back is what was sent.
pub fn check(sent: Data<'_>, received: Option<&Message>) -> Outcome<()> {
    match (sent, received) {
        (Data::Text(sent), Some(Message::Text(text))) if **text == *sent => Ok(()),
        (Data::Binary(sent), Some(Message::Binary(data))) if **data == *sent => Ok(()),
        (_, received) => Err(format!("no echo: {:.200}", format!("{received:?}")).into()),
    }
}
