# A sheet of two thousand rows: each page of a sorted and filtered view is the
# same piece of what a stable sort of all rows gives, however few of them are
# asked for; and its CSV has every one.  Values come from SPOCR_SEED.

use v5.36;
use lib 't/lib';
use Test::More;
use File::Temp ();
use Spocr::Contract ':ocr';
use Spocr::Ocr;

my $ROWS = 2000;
my $seed = $ENV{SPOCR_SEED} // time;
srand $seed;
note "SPOCR_SEED=$seed";

my $data = File::Temp->newdir;
my $backend = Spocr::Ocr->start('--data', $data);
my @names = qw(total word mixed rare);
is $backend->call(POST => '/create', {
    path => '', name => 'S', type => 'sheet',
    columns => [map { { name => $_, type => 'string' } } @names],
})->{status}, 201, 'a sheet';

sub word ($n) { join '', map { chr 97 + int rand 4 } 1 .. $n }

# few different values, so that many rows are equal; some rows have none
my @rows = map {
    my $n = $_;
    my %d = (
        total => int(rand 300) . (rand() < 0.5 ? '.5' : ''),
        word => word(1 + int rand 3),
        mixed => (rand() < 0.4 ? "" . int rand 20
                  : rand() < 0.5 ? word(2) : 'x' x 300 . word(1)),
        rare => ($n % 40 == 0 ? "" . int rand 10 : ''),
    );
    delete $d{ $names[rand @names] } if rand() < 0.1;
    { name => sprintf('n%04d.png', $n), data => { %d, field_bboxes => {} } }
} 1 .. $ROWS;
is scalar(Spocr::Ocr::fill($data, 'S', @rows)), $ROWS, 'its rows';

# -- what a view should be

sub number ($v) { $v =~ /\A\d+(?:\.\d+)?\z/ }

# numbers first, then texts by their first 200 bytes, then what is empty
sub kind ($v) { $v eq '' ? 2 : number($v) ? 0 : 1 }

sub compare ($a, $b, $sort) {
    my ($desc, $name) = $sort =~ /^(-?)(.*)/;
    my ($x, $y) = map { ($name eq 'name' ? $_->{name} : $_->{data}{$name})
                        // '' } $a, $b;
    my $kinds = kind($x) <=> kind($y);
    return $kinds if $kinds || kind($x) == 2;

    my $order = kind($x) == 0 ? $x <=> $y
              : substr($x, 0, 200) cmp substr($y, 0, 200);
    return $desc ? -$order : $order;
}

sub expected ($where, @sort) {
    my @found = grep { $where->($_->{data}) } @rows;
    my %place = map { $found[$_]{name} => $_ } 0 .. $#found;
    return map { $_->{name} } sort {
        my $order = 0;
        for my $sort (@sort) {
            $order ||= compare($a, $b, $sort);
        }
        $order || $place{ $a->{name} } <=> $place{ $b->{name} };
    } @found;
}

sub view (@args) {
    my $query = '';
    while (my ($n, $v) = splice @args, 0, 2) {
        $query .= "&$n=" . Spocr::Ocr::escape($v);
    }
    my $r = $backend->call(GET => "/view?path=S$query");
    is $r->{status}, 200, "view $query" or diag $r->{body};
    return $r->{json};
}

sub has ($v) { defined $v && $v ne '' }

my %where = (
    'total>=0' => sub ($d) { has $d->{total} },
    'total>150' => sub ($d) { has($d->{total}) && $d->{total} > 150 },
    'total=7' => sub ($d) { has($d->{total}) && $d->{total} == 7 },
    'rare>=0' => sub ($d) { has $d->{rare} },
    'rare=3' => sub ($d) { has($d->{rare}) && $d->{rare} == 3 },
    'word=aa' => sub ($d) { ($d->{word} // '') eq 'aa' },
);
my @sorts = (['total'], ['-total'], ['word'], ['-word'], ['mixed'],
             ['-mixed'], ['rare'], ['-rare'], ['-name'], ['name'],
             ['word', '-total'], ['-rare', 'mixed', '-name']);

for my $sort (@sorts) {
    for my $where ('', sort keys %where) {
        my @all = expected($where eq '' ? sub ($) { 1 } : $where{$where},
                           @$sort);
        my $limit = 1 + int rand 60;
        my %from = map { $_ => 1 }
                   0, int(@all / 2), @all > 5 ? @all - 5 : 0, scalar @all;
        my @bad;

        for my $offset (sort { $a <=> $b } keys %from) {
            my $j = view($where eq '' ? () : (where => $where),
                         (map { (sort => $_) } @$sort),
                         limit => $limit, offset => $offset);
            my $to = $offset + $limit - 1;
            my $want = join ' ', @all[$offset .. ($to > $#all ? $#all : $to)];
            my $got = join ' ', map { $_->{name} } @{ $j->{rows} };
            push @bad, "offset $offset, limit $limit:\n  $got\n  not\n  $want"
                if $got ne $want;
            push @bad, "$j->{matched} of " . @all if $j->{matched} != @all;
        }
        ok !@bad, "sort @$sort where '$where'" or diag join "\n", @bad;
    }
}

# a page without an order is in the order of the upload
my $j = view(limit => 100, offset => 1950);
is $j->{rows}[0]{name}, 'n1951.png', 'the last page';
is @{ $j->{rows} }, 50, 'has what is left';
is $j->{nextOffset}, undef, 'and is the last one';

# -- CSV, in several pieces

sub csv ($query) {
    my $r = $backend->call(GET => "/view?path=S&format=csv$query");
    is $r->{status}, 200, "CSV $query";
    my @lines = split /\r?\n/, $r->{body};
    s/\A\xEF\xBB\xBF// for $lines[0];
    my @head = split /,/, shift @lines;
    s/"//g for @head;
    my ($at) = grep { $head[$_] eq 'name' } 0 .. $#head;
    return map { (split /,/)[$at // 0] =~ s/"//gr } @lines;
}

my @got = csv('');
is scalar @got, $ROWS, 'each row' or diag explain [@got[0 .. 3]];
is join(' ', @got), join(' ', map { $_->{name} } @rows), 'in its order';
is join(' ', csv('&sort=-total&where=rare%3E%3D0')),
    join(' ', expected($where{'rare>=0'}, '-total')), 'and as it is asked for';

done_testing;
