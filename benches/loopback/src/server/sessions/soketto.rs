//! soketto. Text would have to be validated here; the load is binary.

use super::task::Echoes;
use super::{MESSAGE_BYTES_MAX, Result, Socket};
use ::soketto::Data;
use ::soketto::connection::{Builder, Mode};

pub struct Soketto;

impl Echoes for Soketto {
    async fn echo(socket: Socket) -> Result<()> {
        let mut builder = Builder::new(socket, Mode::Server);
        builder.set_max_message_size(MESSAGE_BYTES_MAX);
        builder.set_max_frame_size(MESSAGE_BYTES_MAX);
        let (mut sender, mut receiver) = builder.finish();
        let mut message = Vec::new();
        loop {
            message.clear();
            match receiver.receive_data(&mut message).await? {
                Data::Text(_) => sender.send_text(std::str::from_utf8(&message)?).await?,
                Data::Binary(_) => sender.send_binary(&message).await?,
            }
            sender.flush().await?;
        }
    }
}
