#!/bin/bash
# SPDX-License-Identifier: MIT
# elko-build: timeout=120 sanitize
# HTTP in both directions: curl on the kernel's TCP against `elko serve`, and `elko get` against real web servers.
#
# Theory: the programs at the kernel's end are the judges. What they fetched or served is compared by SHA-256, and
# what HTTP promises beside the bytes (status, ranges, keep-alive, pipelining) by what they report. `elko get` meets
# busybox's httpd, nginx where it is installed, and a server of a few lines that does what a good one never does:
# stop in the middle.
. "$(dirname "$0")/libnet.sh"
need curl python3

mkdir "$dir/www" "$dir/www/sub" "$dir/got"
cd "$dir" || exit 1
: >www/empty.bin
head -c 1 /dev/urandom >www/one.bin
head -c 1460 /dev/urandom >www/segment.bin
head -c 1048577 /dev/urandom >www/1M.bin
head -c 20000003 /dev/urandom >www/20M.bin
echo '<h1>elko</h1>' >www/index.html
echo text >www/sub/note.txt

# ---- curl <- elko serve ----

start_elko serve serving serve www --link tun:elko0 --msl 0.1 --log --json
for host in $OURS "[$OURS6]"; do
        for f in empty one segment 1M 20M; do
                check "GET $host/$f.bin" curl -sSfg -m 30 -o got/x "http://$host/$f.bin"
                same "$host/$f.bin" "$(sum_of got/x)" "$(sum_of www/$f.bin)"
        done
done
url=http://$OURS

# status ARGUMENTS...: the status code that curl got; the body is in got/x, the head in got/head
status() { curl -sS -m 30 -o got/x -D got/head -w '%{http_code}' "$@"; }

same "keep-alive: one connection for three requests" \
        "$(curl -sS -m 30 -w '%{num_connects} ' -o /dev/null -o /dev/null -o /dev/null $url/1M.bin $url/one.bin $url/1M.bin)" \
        "1 0 0 "
same "HTTP/1.0 without keep-alive" "$(status -0 $url/1M.bin) $(sum_of got/x)" "200 $(sum_of www/1M.bin)"
same "HEAD" "$(status -I $url/20M.bin) $(grep -i ^content-length got/head | tr -dc 0-9)" "200 20000003"
same "HEAD of what is not there" "$(status -I $url/nothing)" 404
same "GET of what is not there" "$(status $url/nothing)" 404
ln -s /etc/passwd www/link
# one_of NAME GOT WANTED...
one_of() { check "$1 (got $2)" grep -qw -- "$2" <<<"${*:3}"; }
one_of "out of the directory" "$(status --path-as-is $url/../../../etc/passwd)" 400 403 404
one_of "a link out of the directory" "$(status $url/link)" 403 404
one_of "POST is refused" "$(status -X POST -d x=1 $url/1M.bin)" 405 501
same "a directory's index" "$(status $url/) $(sum_of got/x)" "200 $(sum_of www/index.html)"
same "a directory's listing" "$(status $url/sub/) $(grep -c note.txt got/x)" "200 1"
same "a long target" "$(status "$url/$(printf 'a%.0s' $(seq 9000))")" 414

same "range from the start" "$(status -r 0-99 $url/20M.bin) $(sum_of got/x)" \
        "206 $(head -c 100 www/20M.bin | sha256sum | cut -d' ' -f1)"
same "range in the middle" "$(status -r 1000000-1999999 $url/20M.bin) $(sum_of got/x)" \
        "206 $(tail -c +1000001 www/20M.bin | head -c 1000000 | sha256sum | cut -d' ' -f1)"
same "open range" "$(status -r 19000000- $url/20M.bin) $(sum_of got/x)" \
        "206 $(tail -c +19000001 www/20M.bin | sha256sum | cut -d' ' -f1)"
same "the last bytes" "$(status -r -77 $url/20M.bin) $(sum_of got/x)" \
        "206 $(tail -c 77 www/20M.bin | sha256sum | cut -d' ' -f1)"
same "range beyond the end" "$(status -r 20000003- $url/20M.bin)" 416
head -c 5000000 www/20M.bin >got/part
check "curl resumes" curl -sSf -m 30 -C - -o got/part $url/20M.bin
same "curl resumes: the file" "$(sum_of got/part)" "$(sum_of www/20M.bin)"

status $url/1M.bin >/dev/null
etag=$(grep -i ^etag: got/head | cut -d' ' -f2 | tr -d '\r')
same "If-None-Match" "$(status -H "If-None-Match: $etag" $url/1M.bin)" 304
same "If-Modified-Since" "$(status -z "$(date -R -d tomorrow)" $url/1M.bin)" 304
same "If-Match of another" "$(status -H 'If-Match: "no"' $url/1M.bin)" 412

cat >pipeline.py <<'END'
"""ADDRESS: 30 requests in one piece, then in pieces of 7 bytes; the bodies must come in order."""
import socket, sys, hashlib, time

names = ["1M.bin", "one.bin", "empty.bin", "segment.bin", "nothing", "sub/note.txt"] * 5
requests = "".join(f"{'HEAD' if i % 7 == 6 else 'GET'} /{n} HTTP/1.1\r\nHost: x\r\n"
                   f"{'Connection: close' if i == len(names) - 1 else 'X-N: %d' % i}\r\n\r\n" for i, n in enumerate(names)).encode()

def run(piece):
    with socket.create_connection((sys.argv[1], 80), 20) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(requests), piece):
            s.sendall(requests[at:at + piece])
        f = s.makefile("rb")
        for i, n in enumerate(names):
            status = int(f.readline().split()[1])
            length = None
            while (line := f.readline().strip()):
                k, v = line.decode().split(":", 1)
                length = int(v) if k.lower() == "content-length" else length
            body = b"" if i % 7 == 6 else f.read(length)
            want = b"" if i % 7 == 6 or n == "nothing" else open("www/" + n, "rb").read()
            assert status == (404 if n == "nothing" else 200), (i, n, status)
            assert n == "nothing" or body == want, (i, n, len(body), len(want))
        assert f.read() == b""

run(1 << 20)
run(7)
END
check "pipelined requests" python3 pipeline.py $OURS

for i in $(seq 12); do echo "url = $url/20M.bin"; echo "output = got/p$i"; done >parallel
check "12 downloads at once" curl -sSf -m 60 -Z --parallel-max 12 -K parallel
same "12 downloads at once: the files" "$(sha256sum got/p* | cut -d' ' -f1 | sort -u)" "$(sum_of www/20M.bin)"
rm -f got/p*

kill $elko
check "elko serve stops in order" wait $elko
check "every request is in the log" grep -q 'GET /20M.bin 206' serve.out

# ---- elko get <- web servers ----

get() { "$ELKO" get --link tun:elko0 --msl 0.1 -q "$@"; }

# fetch_all NAME PORT
fetch_all() {
        local host f
        for host in $KERNEL "[$KERNEL6]"; do
                for f in empty one segment 1M 20M; do
                        rm -f got/x
                        check "elko get <- $1 $host/$f.bin" get -o got/x "http://$host:$2/$f.bin"
                        same "elko get <- $1 $host/$f.bin" "$(sum_of got/x)" "$(sum_of www/$f.bin)"
                done
        done
        rm -f got/x
        get -o got/x "http://$KERNEL:$2/nothing" 2>/dev/null
        same "elko get <- $1: 404 is exit code 3, and no file" "$? $(ls got/x 2>/dev/null)" "3 "
        get -o - "http://$KERNEL:$2/20M.bin" | sha256sum >got/x
        same "elko get -o - <- $1" "$(cut -d' ' -f1 got/x)" "$(sum_of www/20M.bin)"
        rm -f got/x
}

# wait_port PORT
wait_port() {
        for _ in $(seq 200); do
                curl -s -m 1 -o /dev/null "http://127.0.0.1:$1/one.bin" && return
                sleep 0.02
        done
        echo "FAILED: nobody listens on port $1"
        exit 1
}

if command -v busybox >/dev/null && busybox httpd --help 2>&1 | grep -q Usage; then
        busybox httpd -f -p '[::]:8080' -h www >httpd.log 2>&1 &
        jobs+=($!)
        wait_port 8080
        fetch_all "busybox httpd" 8080
else
        echo "busybox httpd is not here"
fi
if command -v nginx >/dev/null; then
        mkdir nginx
        printf '%s\n' "daemon off; pid $dir/nginx/pid; error_log $dir/nginx/error.log; worker_processes 1; user root;" \
                'events {}' "http { access_log off; root $dir/www; sendfile on; client_body_temp_path $dir/nginx;" \
                "proxy_temp_path $dir/nginx; fastcgi_temp_path $dir/nginx; uwsgi_temp_path $dir/nginx;" \
                "scgi_temp_path $dir/nginx; server { listen 8081; listen [::]:8081; } }" >nginx/conf
        chmod 755 "$dir"
        nginx -p "$dir/nginx" -c "$dir/nginx/conf" >nginx/log 2>&1 &
        jobs+=($!)
        wait_port 8081
        fetch_all nginx 8081
else
        echo "nginx is not here"
fi

# The server that stops: /cut ends half-way unless a range is asked for, /changes has a new ETag every time.
cat >odd.py <<'END'
import http.server, re, sys

whole = open("www/20M.bin", "rb").read()
served = 0

class Odd(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def head(self, status, **fields):
        self.send_response(status)
        for k, v in fields.items():
            self.send_header(k.replace("_", "-"), str(v))
        self.end_headers()

    def do_GET(self):
        global served
        served += 1
        r = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
        if self.path == "/one.bin":
            self.head(200, Content_Length=1)
            self.wfile.write(b"1")
        elif self.path in ("/cut", "/changes"):
            tag = '"fixed"' if self.path == "/cut" else f'"{served}"'
            if r and self.headers.get("If-Range") == tag:
                at = int(r[1])
                print(f"resumed at {at}", file=sys.stderr, flush=True)
                self.head(206, ETag=tag, Content_Length=len(whole) - at, Content_Range=f"bytes {at}-{len(whole) - 1}/{len(whole)}")
                self.wfile.write(whole[at:])
            elif r:
                print("from the start", file=sys.stderr, flush=True)
                self.head(200, ETag=tag, Content_Length=len(whole))
                self.wfile.write(whole)
            else:
                self.head(200, ETag=tag, Content_Length=len(whole))
                self.wfile.write(whole[:len(whole) // 2])
                self.close_connection = True
        elif self.path == "/chunked":
            self.head(200, Transfer_Encoding="chunked")
            at, n = 0, 1
            while at < len(whole):
                b = whole[at:at + n]
                self.wfile.write(b"%x;x=y\r\n" % len(b) + b + b"\r\n")
                at, n = at + n, min(n * 3, 100000)
            self.wfile.write(b"0\r\nTrailer: 1\r\n\r\n")
        elif self.path == "/until-close":
            self.close_connection = True
            self.head(200, Connection="close")
            self.wfile.write(whole)
        elif self.path == "/moved":
            self.head(302, Location="/chunked", Content_Length=0)
        else:
            self.head(301, Location="/round", Content_Length=0)

class Server(http.server.ThreadingHTTPServer):
    pass

Server(("", 8082), Odd).serve_forever()
END
python3 odd.py 2>odd.err &
jobs+=($!)
wait_port 8082
odd=http://$KERNEL:8082
wanted=$(sum_of www/20M.bin)
for f in chunked until-close moved; do
        check "elko get: /$f" get -o got/x $odd/$f
        same "elko get: /$f" "$(sum_of got/x)" "$wanted"
        rm -f got/x
done
get -o got/x $odd/round 2>/dev/null
same "elko get: redirects in a circle are exit code 3" $? 3
get -o got/x $odd/cut 2>/dev/null
same "elko get: cut short is exit code 2, and no file" "$? $(ls got/x 2>/dev/null)" "2 "
same "elko get: what came is kept" "$(stat -c %s got/x.part)" 10000001
check "elko get --continue" get --continue -o got/x $odd/cut
same "elko get --continue: the file" "$(sum_of got/x)" "$wanted"
check "elko get --continue: only the rest was asked for" grep -qx 'resumed at 10000001' odd.err
rm -f got/*
get -o got/x $odd/changes 2>/dev/null
check "elko get --continue, but the file has changed" get --continue -o got/x $odd/changes
same "elko get --continue, but the file has changed: the file" "$(sum_of got/x)" "$wanted"
check "elko get --continue, but the file has changed: the server saw it" grep -qx 'from the start' odd.err
same "nothing else is left" "$(ls got)" x
get --timeout 2 -o got/y "http://$KERNEL:8089/x" 2>/dev/null
same "elko get: nobody listens" "$? $(ls got)" "2 x"
finish
