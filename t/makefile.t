# The Makefile: what it lists, what it builds, and that it builds it once; in
# a copy whose path has a blank in it.

use v5.36;
use File::Temp ();
use Test::More;

plan skip_all => 'another nginx is under test' if defined $ENV{SPOCR_MODULE};

my $dir = File::Temp->newdir('spocr-t-XXXXXX', TMPDIR => 1);
my $copy = "$dir/a copy";

mkdir $copy;
is system("tar -c --exclude=./build --exclude=./.git . | tar -x -C '$copy'"),
    0, 'a copy';

sub make (@args) {
    delete local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
    my $out = `cd '$copy' && make CFLAGS=-O0 @args 2>&1`;
    return ($? >> 8, $out);
}

sub mtime ($file) { return (stat "$copy/$file")[9] // 0 }

# help names what there is, and only that
my ($exit, $out) = make('help');
is $exit, 0, 'make help';
my %listed = map { /^make (\S+)/ ? ($1 => 1) : () } split /\n/, $out;

for my $target (qw(help build all unit check lint asan bench deb clean)) {
    ok $listed{$target}, "help lists $target";
}

for my $target (sort keys %listed) {
    is((make('-n', $target))[0], 0, "make $target is a target");
}

# the module, once; several jobs do not configure nginx beside each other
($exit, $out) = make('-j', 4, 'build', 'build/libspocr0.a');
is $exit, 0, 'make -j 4' or diag $out;
ok -s "$copy/build/ngx_spocr_module.so", 'the module is there';

($exit, $out) = make('-q', 'build');
is $exit, 0, 'nothing is left to do then';

my $nginx = '/usr/sbin/nginx';
open my $conf, '>', "$dir/nginx.conf" or die $!;
print {$conf} <<"END";
load_module "$copy/build/ngx_spocr_module.so";
pid $dir/pid;
error_log $dir/error.log notice;
events {}
END
close $conf;
$out = `$nginx -t -p $dir -e $dir/error.log -c $dir/nginx.conf 2>&1`;
is $?, 0, 'nginx loads it' or diag $out;

# a header that changes is seen, and nginx is not configured again for it
my $configured = mtime('build/nginx/Makefile');
my $object = mtime('build/nginx/addon/ngx_spocr_module/ngx_spocr_id.o');
my $later = time + 2;
utime $later, $later, "$copy/ngx_spocr_module/ngx_spocr_id.h";
($exit, $out) = make();
is $exit, 0, 'make, after a header has changed';
isnt mtime('build/nginx/addon/ngx_spocr_module/ngx_spocr_id.o'), $object,
    'it compiles again';
is mtime('build/nginx/Makefile'), $configured, 'but does not configure';

# the Redis functions are carried as they are, and a change of them is seen
open my $lua, '>>', "$copy/ngx_spocr_module/spocr.lua" or die $!;
print {$lua} qq{-- "quoted", \\n and %s, ??/ and *}, "/\n";
close $lua;
$later = time + 2;
utime $later, $later, "$copy/ngx_spocr_module/spocr.lua";
($exit, $out) = make();
is $exit, 0, 'make, after spocr.lua has changed' or diag $out;

open my $print, '>', "$dir/print.c" or die $!;
print {$print} <<'END';
#include <stdio.h>
#include "ngx_spocr_lua.h"
int main(void) { return fputs(ngx_spocr_redis_lua, stdout) < 0; }
END
close $print;
is system('cc', '-Wall', '-Werror', "-I$copy/build/nginx", "$dir/print.c",
          '-o', "$dir/print"), 0, 'the header of the functions compiles';
is system("$dir/print | cmp - '$copy/ngx_spocr_module/spocr.lua'"), 0,
    'and says what spocr.lua says';

# a tree that is configured for another list of files is configured before
# anything is compiled with its headers
open my $new, '>', "$copy/ngx_spocr_module/ngx_spocr_new.h" or die $!;
print {$new} "/* one more */\n";
close $new;
($exit, $out) = make('-j4', '-n', 'build', 'build/layer0/ngx_spocr_id.o');
like $out, qr/build-module --configure/, 'one file more: it configures, first';
($exit, $out) = make('-j4', 'build', 'build/layer0/ngx_spocr_id.o');
is $exit, 0, 'and builds, with several jobs' or diag $out;
is((make('-q', 'build'))[0], 0, 'once');

# a mistake is shown as the compiler says it
open my $c, '>>', "$copy/ngx_spocr_module/ngx_spocr_id.c" or die $!;
print {$c} "int ngx_spocr_mistake(void) { return nonsense; }\n";
close $c;
($exit, $out) = make();
isnt $exit, 0, 'make, with a mistake in a file';
like $out, qr/ngx_spocr_id\.c:\d+.*nonsense/, 'says which, and where';

($exit, $out) = make('NGX_SRC=/nonexistent');
isnt $exit, 0, 'make NGX_SRC= without a source tree';
like $out, qr/No nginx headers in \/nonexistent/, 'says so';
like +(make('NGINX_SRC=/nowhere'))[1], qr/No nginx headers in \/nowhere/,
    'NGINX_SRC= is the same';

($exit, $out) = make(q{CC='cc -D__HIREDIS_H'});
isnt $exit, 0, 'make, where hiredis has no such functions';
like $out, qr/ngx_spocr_module needs hiredis \(libhiredis-dev\)/,
    'names the package';

is((make('clean'))[0], 0, 'make clean');
ok !-e "$copy/build", 'removes build/';

done_testing;
