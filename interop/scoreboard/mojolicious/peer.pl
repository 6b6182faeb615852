use Mojo::Base -strict;
use Mojo::IOLoop;
use Mojo::Server::Daemon;
use Mojo::UserAgent;
use Mojolicious::Lite;

my ($role, $at) = @ARGV;

sub echo {
  my $tx = shift;
  $tx->max_websocket_size(2**25);
  $tx->on(binary => sub { my ($tx, $bytes) = @_; $tx->send({binary => $bytes}) });
  $tx->on(text => sub { my ($tx, $bytes) = @_; $tx->send({text => $bytes}) });
}

# Connects, and returns the last text when the connection is over.
sub connection {
  my ($path, $echoes) = @_;
  my $last;
  my $ua = Mojo::UserAgent->new(inactivity_timeout => 0);
  $ua->websocket(
    "$at$path" => {'Sec-WebSocket-Extensions' => 'permessage-deflate'} => sub {
      my ($ua, $tx) = @_;
      return Mojo::IOLoop->stop unless $tx->is_websocket;
      $tx->on(finish => sub { Mojo::IOLoop->stop });
      $echoes ? echo($tx) : $tx->on(text => sub { $last = $_[1] });
    }
  );
  Mojo::IOLoop->start;
  return $last;
}

if ($role eq 'server') {
  websocket '/' => sub {
    my $c = shift;
    $c->tx->with_compression;
    echo($c->tx);
    $c->rendered(101);
  };
  app->log->level('fatal');
  my $listen = ["http://127.0.0.1:$at"];
  Mojo::Server::Daemon->new(app => app, listen => $listen, silent => 1)->run;
}
else {
  my $count = connection('/getCaseCount');
  connection("/runCase?case=$_&agent=mojolicious", 1) for 1 .. $count;
  connection('/updateReports?agent=mojolicious');
}
