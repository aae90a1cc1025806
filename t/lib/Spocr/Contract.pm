# Holds live answers against conf.d/openapi.json.
#
#   use Spocr::Contract ':ocr';    # each answer that Spocr::Ocr gets, and each
#                                  # event that Spocr::Hooks gets: one that is
#                                  # not as documented fails the test
#
#   my $c = Spocr::Contract->new;
#   my @wrong = $c->check('GET', '/amount', $answer);     # reasons, or none
#   my @wrong = $c->check_event(\%headers, $body);        # of a webhook
#   $c->checked                    # how many there were
#
# An answer is a hash of status, headers (by lower-case name) and body, or a
# Spocr::Response.  Judged are the status, the media type, the headers that the
# document names, and the body by its schema (python3-jsonschema does that, in
# one process for all of a test).  Ids that a test gave to a request are right
# as they are: $c->own_id(ID).

package Spocr::Contract;

use v5.36;
use IPC::Open2;
use JSON::PP ();
use Test::More ();

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $good = qr/^req_[0-9a-f]{32}\z/;

# A line a question: {"at": pointer, "text": JSON} or {"at": pointer, "value":
# any}; answered by a line, a list of reasons.
my $judge = <<'EOP';
import json, sys
from jsonschema import Draft202012Validator as V

doc = json.load(open(sys.argv[1], encoding="utf-8"))
known = {}


def at(pointer):
    found = doc
    for part in pointer.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        found = found[int(part) if isinstance(found, list) else part]
        while isinstance(found, dict) and set(found) == {"$ref"}:
            found = at(found["$ref"])
    return found


def validator(pointer):
    if pointer not in known:
        schema = {"allOf": [at(pointer)], "components": doc["components"]}
        V.check_schema(schema["allOf"][0])
        known[pointer] = V(schema)
    return known[pointer]


def object_of(pairs):
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'"{name}" stands twice')
    return dict(pairs)


def constant(name):
    raise ValueError(f"{name} is no JSON")


# Of alternatives: the one that is meant, told by its const members.
def reasons(error):
    branches = {}
    for inner in error.context or []:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    meant = [b for b in branches.values()
             if not any(e.validator in ("const", "enum") and len(e.path) == 1
                        or e.validator == "type" and not e.path for e in b)]
    if len(meant) == 1:
        return [r for e in meant[0] for r in reasons(e)]
    where = "/".join(str(p) for p in error.absolute_path)
    return [f"{where or 'all of it'}: {error.message[:300]}"]


for line in sys.stdin:
    asked = json.loads(line)
    try:
        value = (json.loads(asked["text"], object_pairs_hook=object_of,
                            parse_constant=constant)
                 if "text" in asked else asked["value"])
        wrong = [r for e in validator(asked["at"]).iter_errors(value)
                 for r in reasons(e)]
    except ValueError as error:
        wrong = [f"no JSON: {error}"]
    except Exception as error:
        wrong = [f"cannot be judged: {error!r}"]
    print(json.dumps(wrong[:5]), flush=True)
EOP


sub new ($class, %o) {
    my $path = $o{document} // 'conf.d/openapi.json';
    open my $in, '<:raw', $path or die "$path: $!\n";
    my $doc = do { local $/; $json->decode(scalar <$in>) };
    return bless { doc => $doc, path => $path, ids => {}, checked => 0 },
        $class;
}

sub checked ($self) { $self->{checked} }

sub own_id ($self, $id) {
    $self->{ids}{$id} = 1 if defined $id && $id !~ $good;
    return;
}

# the first Python that has the package
sub python () {
    state $found = (grep { !system "$_ -c 'import jsonschema' 2>/dev/null" }
                    qw(python3 /usr/bin/python3))[0]
        // die "python3-jsonschema is missing: see tools/deps test\n";
    return $found;
}

sub ask ($self, %question) {
    if (!$self->{to}) {
        local $ENV{PYTHONIOENCODING} = 'utf-8';
        $self->{pid} = open2($self->{from}, $self->{to}, python(), '-c',
                             $judge, $self->{path});
    }

    local $SIG{PIPE} = 'IGNORE';
    local $/ = "\n";
    my $line = $json->encode(\%question);
    print { $self->{to} } "$line\n";
    $self->{to}->flush;
    my $said = readline $self->{from};
    return defined $said ? @{ $json->decode($said) }
                         : ('the validator has ended');
}

sub DESTROY ($self) {
    local ($?, $!);
    return if !$self->{to};
    close $self->{to};
    close $self->{from};
    waitpid $self->{pid}, 0;
    return;
}


# -- finding the operation --

sub escaped ($name) { $name =~ s/~/~0/gr =~ s{/}{~1}gr }

# the document's path for a target: one without variables comes first
sub path_of ($self, $target) {
    my $path = $target =~ s/[?#].*//sr
        =~ s/%([46][1-9a-f]|[57][0-9a])/chr hex $1/gier;    # letters
    my $paths = $self->{doc}{paths};
    return $path if $paths->{$path};

    for my $known (sort grep { /\{/ } keys %$paths) {
        my $re = join '[^/]+', map { quotemeta } split /\{\w+\}/, $known, -1;
        return $known if $path =~ /^$re\z/;
    }
    return;
}

# pointer and node, with a reference followed
sub follow ($self, $at) {
    my $node = $self->{doc};
    $node = $node->{ s{~1}{/}gr =~ s/~0/~/gr } for split m{/}, $at =~ s/^#.//r;
    return ref $node eq 'HASH' && $node->{'$ref'}
        ? $self->follow($node->{'$ref'}) : ($at, $node);
}

# where the answer is described, or a reason why it is not
sub response_of ($self, $method, $target, $status) {
    my $path = $self->path_of($target);
    my $verb = lc($method eq 'HEAD' ? 'GET' : $method);
    my $item = defined $path ? $self->{doc}{paths}{$path} : {};

    if (!$item->{$verb}) {
        my %may = (400 => 'BadRequest', 403 => 'Forbidden', 401 =>
                   'Unauthorized', 404 => 'NotFound', 414 => 'UriTooLong',
                   429 => 'RateLimited', 501 => 'NotImplemented',
                   405 => 'MethodNotAllowed');
        delete $may{405} if !defined $path;
        return (undef, 'there is no such operation, and it has an answer')
            if !$may{$status};
        return ("#/components/responses/$may{$status}");
    }

    my $at = '#/paths/' . escaped($path) . "/$verb/responses";
    my (undef, $all) = $self->follow($at);
    for ($status, int($status / 100) . 'XX', 'default') {
        return ("$at/$_") if $all->{$_};
    }
    return (undef, "status $status is not documented");
}


# -- judging --

sub normal ($self, $answer) {
    if (ref $answer ne 'HASH') {
        return ($answer->status, { map { lc $_->[0] => $_->[1] }
                                   @{ $answer->headers } }, $answer->body);
    }

    my %headers = %{ $answer->{headers} // {} };
    my $body = $answer->{body} // '';

    if (my @ids = map { quotemeta } sort keys %{ $self->{ids} }) {
        my $own = join '|', @ids;
        my $id = 'req_' . '0' x 32;
        $headers{'x-request-id'} =~ s/^(?:$own)\z/$id/
            if defined $headers{'x-request-id'};
        $body =~ s/"(requestId|originalRequestId)":\s*"(?:$own)"/"$1":"$id"/g;
    }
    return ($answer->{status}, \%headers, $body);
}

sub check_headers ($self, $at, $response, $headers) {
    my @wrong;
    for my $name (sort keys %{ $response->{headers} // {} }) {
        my ($where, $header) =
            $self->follow("$at/headers/" . escaped($name));
        my $value = $headers->{ lc $name };

        if (!defined $value) {
            push @wrong, "there is no $name" if $header->{required};
            next;
        }
        $value += 0 if ($header->{schema}{type} // '') eq 'integer'
                       && $value =~ /^\d+\z/;
        push @wrong, map { "$name: $_" }
            $self->ask(at => "$where/schema", value => $value);
    }
    return @wrong;
}

sub check_body ($self, $at, $response, $headers, $body) {
    my $content = $response->{content};
    if (!$content) {
        return $body eq '' ? () : 'there is a body';
    }

    my $type = $headers->{'content-type'} // '';
    my ($plain) = lc($type) =~ m{^([^;\s]*)};
    my ($known) = grep {
        my $re = quotemeta s{\*}{\0}gr;
        $plain =~ /^${\ ($re =~ s{\\\0}{[^\/]+}gr) }\z/;
    } sort { length $b <=> length $a } keys %$content;

    return "media type \"$type\" is not documented" if !defined $known;
    return if $plain !~ m{^application/(?:\w+\+)?json$};

    utf8::decode(my $text = $body) or return 'the body is no UTF-8';
    return $self->ask(at => "$at/content/" . escaped($known) . '/schema',
                      text => $text);
}

sub check ($self, $method, $target, $answer) {
    my ($status, $headers, $body) = $self->normal($answer);
    my $path = $target =~ s/\?.*//sr;

    # the page is not a part of the document
    return if $path eq '/' || $path =~ m{^/assets/};

    $self->{checked}++;
    my ($at, $wrong) = $self->response_of($method, $target, $status);
    my @wrong = $wrong // ();

    if (defined $at) {
        ($at, my $response) = $self->follow($at);
        push @wrong, $self->check_headers($at, $response, $headers);
        push @wrong, $self->check_body($at, $response, $headers, $body)
            if $method ne 'HEAD';
    }
    return map { "$method $path $status: $_" } @wrong;
}

sub check_event ($self, $headers, $body) {
    $self->{checked}++;
    my $type = $headers->{'x-spaceocr-event'} // '';
    return "event \"$type\" is not documented"
        if !$self->{doc}{webhooks}{$type};

    my $at = "#/webhooks/$type/post";
    my (undef, $op) = $self->follow($at);
    my @wrong = ($headers->{'content-type'} // '') eq 'application/json'
        ? () : 'its media type';

    (undef, undef, $body) = $self->normal({ body => $body });
    utf8::decode(my $text = $body) or return 'the body is no UTF-8';
    for my $p (@{ $op->{parameters} }) {
        my ($where, $header) = $self->follow($p->{'$ref'});
        my $value = $headers->{ lc $header->{name} };
        push @wrong, defined $value
            ? map { "$header->{name}: $_" }
              $self->ask(at => "$where/schema", value => $value)
            : "there is no $header->{name}";
    }
    push @wrong, $self->ask(
        at => "$at/requestBody/content/application~1json/schema",
        text => $text);
    return map { "$type: $_" } @wrong;
}


# -- for all answers of a test --

# fails the test where an answer is not as documented
sub judge ($self, $method, $target, $sent, $answer) {
    my ($id) = map { $sent->{$_} } grep { lc eq 'x-request-id' } keys %$sent;
    $self->own_id($id);
    return if !$answer->{status};        # there was none

    return $self->said($answer->{body},
                       $self->check($method, $target, $answer));
}

sub judge_event ($self, $headers, $body) {
    return $self->said($body, $self->check_event($headers, $body));
}

sub said ($self, $body, @wrong) {
    return if !@wrong;
    local $Test::Builder::Level = $Test::Builder::Level + 4;
    Test::More::fail('as conf.d/openapi.json says');
    Test::More::diag("  $_") for @wrong;
    Test::More::diag('  ', substr $body, 0, 500);
    return;
}

sub import ($class, @for) {
    for (@for) {
        die "Spocr::Contract has no $_\n" if $_ ne ':ocr';
        no warnings 'once';
        $Spocr::Ocr::contract = $Spocr::Hooks::contract = $class->new;
    }
    return;
}

1;
