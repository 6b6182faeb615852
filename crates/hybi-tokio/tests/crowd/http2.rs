//! Over streams of HTTP/2, ten on each connection.

use hybi::Uri;
use hybi::handshake::{Acceptance, ClientRequest};
use hybi_tokio::{Connector, http2};

use crate::plan::{FOREVER, Leaving};
use crate::{Crowd, connect, end};

pub(crate) async fn start(crowd: &mut Crowd, count: usize) {
    for (near, far) in connect(&mut crowd.random, count / 10).await {
        let (client, server) = (http2::client_builder(), http2::server_builder());
        let (near, far) = tokio::join!(client.handshake(near), server.handshake(far));
        let ((requests, connection), mut incoming) = (near.unwrap(), far.unwrap());
        // They end when the streams have, and the last handle for requests is dropped.
        tokio::spawn(connection);
        let (hand, mut handed) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(request)) = incoming.accept().await {
                let _ = hand.send(request);
            }
        });
        for _ in 0..10 {
            let uri = Uri::parse("ws://localhost/").unwrap();
            let asked = ClientRequest::new(&uri);
            let connector = Connector::new().timeout(FOREVER);
            let opening = connector.connect_over_http2(&requests, &asked);
            let accepting = async {
                let (request, respond) = handed.recv().await.unwrap();
                http2::accept(request, respond, &Acceptance::from_any_origin()).unwrap()
            };
            let (client, server) = tokio::join!(opening, accepting);
            let (client, leaving) = (client.unwrap(), Leaving::pair(&mut crowd.random));
            crowd.spawn(
                leaving,
                |random| end::run(client, random, leaving[0]),
                |random| end::run(server, random, leaving[1]),
            );
        }
    }
}
