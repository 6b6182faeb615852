//! What stands for permessage-deflate without feature `deflate`: types that have no value, so that the connection
//! is written once and the compiler strikes out what cannot happen.

use alloc::vec::Vec;

use crate::error::Violation;

#[derive(Debug)]
pub(crate) enum Inflater {}

impl Inflater {
    pub(crate) fn is_pending(&self) -> bool {
        match *self {}
    }

    pub(crate) fn inflate(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<usize, Violation> {
        match *self {}
    }

    pub(crate) fn finish(&mut self, _: &mut Vec<u8>) -> Result<bool, Violation> {
        match *self {}
    }
}

#[derive(Debug)]
pub(crate) enum Deflater {}

impl Deflater {
    pub(crate) fn wants(&self, _: Option<usize>) -> bool {
        match *self {}
    }

    pub(crate) fn compress(&mut self, _: &[u8], _: bool) -> Vec<u8> {
        match *self {}
    }
}
