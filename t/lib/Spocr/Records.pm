# Keys, tenants and plans in a private Redis, as spocrctl writes them: the
# record, and the notice of its change in the same transaction.
#
#   my $records = Spocr::Records->new($t);          # in $t->redis
#   $records->key(alice => { uid => 'u_acme' });    # the text: $t->key('alice')
#   $records->tenant(u_acme => { plan => 'pro' });
#   $records->plan(pro => { limits => { uid => 5 } });
#
#   A record is a hash, whose id is key_NAME unless it says another; text,
#   which is written as it is; or undef, which deletes it.
#
#   $records->quietly(SUB)        no notices meanwhile: they are lost
#   $records->name(key => NAME), (tenant => UID), (plan => NAME)
#                                 the record's name in Redis

package Spocr::Records;

use v5.36;
use Digest::SHA qw(sha256_hex);
use JSON::PP ();

my $PREFIX = 'spocr:';

sub new ($class, $t) { bless { t => $t, quiet => 0 }, $class }

sub _short ($self, $kind, $name) {
    return "key:" . sha256_hex($self->{t}->key($name)) if $kind eq 'key';
    return "tenant:" . sha256_hex($name) if $kind eq 'tenant';
    return "plan:$name";
}

sub name ($self, $kind, $name) { $PREFIX . $self->_short($kind, $name) }

sub _write ($self, $kind, $name, $record) {
    my $short = $self->_short($kind, $name);
    my $text = ref $record
               ? JSON::PP->new->utf8->canonical->encode($record) : $record;

    my @commands = (
        ['MULTI'],
        defined $text ? ['SET', "$PREFIX$short", $text]
                      : ['DEL', "$PREFIX$short"],
        $self->{quiet} ? () : ['PUBLISH', "${PREFIX}notice", $short],
        ['EXEC'],
    );
    $self->{t}->redis->do(@$_) for @commands;
    return $self;
}

sub key ($self, $name, $record) {
    $record = { id => "key_$name", %$record } if ref $record;
    return $self->_write(key => $name, $record);
}

sub tenant ($self, $uid, $record) {
    return $self->_write(tenant => $uid, $record);
}

sub plan ($self, $name, $record) { $self->_write(plan => $name, $record) }

sub quietly ($self, $run) {
    local $self->{quiet} = 1;
    return $run->();
}

1;
