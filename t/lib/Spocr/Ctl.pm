# Runs spocrctl in a private folder; what the tests of it share.
#
#   use lib 't/lib';
#   use Spocr::Ctl;                # also: v5.36's strictness, Test::More
#
#   my $ctl = Spocr::Ctl->new;     # an empty folder, no key file
#   my $ctl = Spocr::Ctl->new(redis => $url);   # the same commands on Redis
#   my $r = $ctl->run('key', 'create', '--uid', 'u_1');
#   $r->{code}, $r->{out}, $r->{err}
#   my $r = $ctl->run_with("text for stdin", ARGS);
#   my $data = $ctl->json(ARGS);   # with --json; dies unless it exits with 0
#   $ctl->secret(NAME, TEXT)       # a file of mode 0600, by its path
#   $ctl->dir, $ctl->path          # the folder, and keys.json in it
#   $ctl->text, $ctl->data         # the key file as it stands
#   $ctl->write(TEXT)              # writes it, mode 0640
#   fails $r, CODE, qr/…/, NAME    # the code, nothing on stdout, one sentence
#   works $r, NAME                 # exits with 0
#
# The program is $ENV{B}/spocrctl, or build/spocrctl.

package Spocr::Ctl;

use v5.36;
use feature ();
use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use File::Temp ();
use IPC::Open3;
use JSON::PP ();
use Symbol qw(gensym);
use Test::More;
use parent 'Exporter';

our @EXPORT = (@Test::More::EXPORT, qw(fails works sha256_hex));

our $PROGRAM = abs_path(($ENV{B} // 'build') . '/spocrctl');

sub import ($class, @) {
    strict->import;
    warnings->import;
    feature->import(':5.36');
    delete @ENV{qw(SPOCR_KEYS SPOCR_REDIS)};
    BAIL_OUT('spocrctl is missing: run make spocrctl')
        if !defined $PROGRAM || !-x $PROGRAM;
    $class->export_to_level(1, $class);
}

sub new ($class, %o) {
    my $dir = File::Temp->newdir('spocr-ctl-XXXXXX', TMPDIR => 1);
    return bless { dir => $dir, path => "$dir/keys.json", %o }, $class;
}

sub dir ($self) { "$self->{dir}" }
sub path ($self) { $self->{path} }
sub run ($self, @args) { $self->run_with('', @args) }

sub run_with ($self, $stdin, @args) {
    my @where = defined $self->{redis} ? ('--redis', $self->{redis})
                                       : ('--file', $self->path);
    return $self->raw($stdin, @where, @args);
}

# Without --file or --redis.
sub raw ($self, $stdin, @args) {
    open my $in, '+>', undef or die "temporary file: $!";
    print $in $stdin;
    seek $in, 0, 0;

    my ($out, $err) = (gensym, gensym);
    open $err, '+>', undef or die "temporary file: $!";
    my $pid = open3('<&' . fileno $in, $out, '>&' . fileno $err,
                    $PROGRAM, @args);
    local $/;
    my $text = <$out>;
    waitpid $pid, 0;
    my $status = $?;
    seek $err, 0, 0;

    return { code => $status >> 8, signal => $status & 127, out => $text // '',
             err => scalar <$err> };
}

sub json ($self, @args) {
    my $r = $self->run(@args, '--json', '--quiet');
    die "spocrctl @args: $r->{err}" if $r->{code};
    return JSON::PP->new->utf8->decode($r->{out});
}

sub text ($self) {
    open my $f, '<:raw', $self->path or die $self->path . ": $!";
    local $/;
    return scalar <$f>;
}

sub data ($self) { JSON::PP->new->utf8->decode($self->text) }

sub write ($self, $text) {
    open my $f, '>:raw', $self->path or die $self->path . ": $!";
    print $f $text;
    close $f or die $self->path . ": $!";
    chmod 0640, $self->path;
}

sub secret ($self, $name, $text) {
    my $path = $self->dir . "/$name";
    open my $f, '>:raw', $path or die "$path: $!";
    chmod 0600, $path;
    print $f $text;
    close $f or die "$path: $!";
    return $path;
}

sub fails ($r, $code, $re, $name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $good = $r->{code} == $code && $r->{signal} == 0 && $r->{out} eq ''
               && $r->{err} =~ /\Aspocrctl: [^\n]*\n\z/ && $r->{err} =~ $re;
    ok $good, $name or diag "code $r->{code}, signal $r->{signal}\n"
                            . "stdout: $r->{out}\nstderr: $r->{err}";
    return $good;
}

sub works ($r, $name) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $good = $r->{code} == 0 && $r->{signal} == 0;
    ok $good, $name or diag "code $r->{code}, signal $r->{signal}\n"
                            . "stdout: $r->{out}\nstderr: $r->{err}";
    return $good;
}

1;
