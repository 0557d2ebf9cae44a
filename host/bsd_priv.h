/* SPDX-License-Identifier: MIT */
#ifndef ELKO_HOST_BSD_PRIV_H
#define ELKO_HOST_BSD_PRIV_H

/*
 * bsd_priv.h - what the files of the sockets layer share.
 */

#include "host/bsd.h"

/* Numbers that older headers lack. */
enum { OPT_TCP_INQ = 36, OPT_SO_ZEROCOPY = 60, OPT_SO_INCOMING_CPU = 49 };

enum { BSD_FDS = 4096, BSD_WATCHES = 1024 };

enum bsd_kind {
        BSD_FREE,
        BSD_NEW, /* socket(), maybe bound */
        BSD_LISTENER,
        BSD_CONNECTING,
        BSD_OPEN,
        BSD_DEAD, /* it was a connection; the handle may still be there, for what was received */
        BSD_EPOLL,
        BSD_PIPE_OUT, /* to read from */
        BSD_PIPE_IN,
};

/* What setsockopt() said before there was a handle, and what getsockopt() answers. */
struct bsd_options {
        int reuse_addr, reuse_port, keepalive, nodelay, cork, quick_ack, v6_only;
        int snd_buf, rcv_buf; /* as Linux tells them, doubled; 0: never set */
        int keep_idle, keep_interval, keep_count, max_seg, user_timeout_ms, linger2, defer_accept;
        int syn_count, priority, mark, oob_inline, rcv_lowat, snd_lowat, notsent_lowat, clamp;
        int ttl, tos; /* -1: never set */
        int zerocopy, timestamping, inq, recverr, freebind, incoming_cpu, mtu_discover;
        struct linger linger;
        int fastopen; /* most connections by a cookie alone, of a listener */
        int fastopen_connect, fastopen_no_cookie;
        unsigned fastopen_keys;
        uint8_t fastopen_key[2][16];
        const struct elko_cc_ops *congestion; /* NULL: never set */
        uint64_t max_pacing_rate;             /* UINT64_MAX: none */
};

struct bsd_sock {
        enum bsd_kind kind;
        int domain;
        bool non_block, bound, read_shut, write_shut, was_open;
        bool active;       /* opened by connect() */
        bool met_limit;    /* send() was refused by bsd_sndbuf.c: tell when that is over */
        bool connect_told; /* connect() has said how it ended */
        bool deferred; /* connect() has said 0, and the SYN waits for data: TCP_FASTOPEN_CONNECT */
        bool fast_child;   /* accepted, and opened by a cookie */
        uint8_t fast_fail; /* tcpi_fastopen_client_fail */
        size_t syn_data;   /* bytes that went with the SYN */
        bool eof;          /* the peer's FIN was seen */
        int error;         /* SO_ERROR: pending, positive */
        int soft_error;    /* the same, of what did not end the connection: told if there is none */
        uint64_t soft_at;  /* when it came */
        bool error_told;   /* the connection's end was told once: reads give 0, writes EPIPE */
        elko_sock handle;
        elko_endpoint local; /* as bound */
        uint32_t news;       /* counts events, for edges */
        struct bsd_options opt;
        struct bsd_packet *packets; /* bsd_sndbuf.c: what is not acknowledged yet */
        size_t n_packets, max_packets;
        bool was_full, buffer_grown;
        uint64_t acked_when_full;
        uint32_t max_window;      /* the largest that the peer has offered */
        struct bsd_piece *pieces; /* bsd_eor.c: what waits behind the end of a record */
        size_t kept;              /* bytes in them */
        uint64_t record_end;    /* in the stack: the offset of the last end of a record; 0: none */
        uint64_t last_record;   /* of all that was written */
        uint64_t written;       /* bytes that send() has taken */
        struct bsd_mark *marks; /* bsd_errq.c: calls whose data is under way */
        struct bsd_report *reports; /* the error queue */
        uint32_t zerocopy_id;       /* of the next call with MSG_ZEROCOPY */
        struct bsd_pipe *pipe;      /* PIPE_OUT, PIPE_IN */
        uint64_t urgent_end;        /* offset behind the urgent byte; 0: there was none */
        bool urgent_taken;          /* with MSG_OOB */
        uint64_t stamp_base;        /* SOF_TIMESTAMPING_OPT_ID: the stream's offset that is 0 */
        /* EPOLL */
        struct bsd_watch *watches;
        size_t n_watches;
};

struct bsd_watch {
        int fd;
        struct epoll_event ev;
        uint32_t seen_news; /* EPOLLET: of the descriptor, when it was told */
        unsigned seen;      /* EPOLLET: what was told */
        bool off;           /* EPOLLONESHOT: told */
};

struct elko_bsd {
        elko_stack *st;
        struct elko_bsd_defaults defaults;
        int64_t clock_offset_ns; /* what to add to the stack's clock for a program's */
        struct bsd_sock sock[BSD_FDS];
        int top; /* none at or above */
};

/* The socket of a descriptor, or NULL and -EBADF or -ENOTSOCK. */
struct bsd_sock *bsd_get(struct elko_bsd *b, int fd, int *error);

/* A free descriptor; -EMFILE. */
int bsd_new_fd(struct elko_bsd *b, struct bsd_sock **out);

int bsd_errno(int64_t elko_error); /* of an enum elko_error, positive */

/* Between the system's addresses and ours. */
int bsd_from_sockaddr(const struct bsd_sock *s, const struct sockaddr *addr, socklen_t len,
                      elko_endpoint *out);
void bsd_to_sockaddr(const struct bsd_sock *s, const elko_endpoint *ep, struct sockaddr *addr,
                     socklen_t *len);

/* Give a new handle all options that were set before. */
void bsd_apply_options(struct elko_bsd *b, struct bsd_sock *s);
void bsd_default_options(struct bsd_options *o);

/* Bytes that elko_recv() would give; below 0: an error. */
int64_t bsd_ready(struct elko_bsd *b, const struct bsd_sock *s);

/* Make the connection and have its SYN sent; `option`: ELKO_OPTION_FASTOPEN. 0 or -errno. */
int bsd_open(struct elko_bsd *b, struct bsd_sock *s, const elko_endpoint *remote,
             enum elko_fastopen option);
/* What connect() answers in the state the socket is in, or 0 and *again: it is new, or was told just now. */
int bsd_connect_state(struct elko_bsd *b, struct bsd_sock *s, bool *open);

/* ---- bsd_fastopen.c ---- */

/* tcpi_fastopen_client_fail */
enum { BSD_FAST_NO_COOKIE = 1, BSD_FAST_NOT_ACKED = 2, BSD_FAST_SYN_AGAIN = 3 };

/* Is sending what opens the connection? */
bool bsd_fast_begins(const struct bsd_sock *s, int flags);
/* It does. -EISCONN as -1 is an error as any; 0 and *open: it is open, send as ever. */
ssize_t bsd_fast_send(struct elko_bsd *b, struct bsd_sock *s, const struct msghdr *msg, int flags,
                      unsigned stamps, bool *open);
/* connect() with TCP_FASTOPEN_CONNECT: 0 or -errno. */
int bsd_fast_connect(struct elko_bsd *b, struct bsd_sock *s, const elko_endpoint *remote);
/* The connection is open: did the peer take the SYN's data? */
void bsd_fast_connected(struct elko_bsd *b, struct bsd_sock *s);
/* listen(): tell the stack; `backlog`: as given. */
void bsd_fast_listen(struct elko_bsd *b, struct bsd_sock *s, uint32_t backlog);
void bsd_fast_apply(struct elko_bsd *b, const struct bsd_sock *s);
/* TCP_FASTOPEN, _CONNECT, _KEY, _NO_COOKIE; false: none of them. */
bool bsd_fast_set(struct elko_bsd *b, struct bsd_sock *s, int name, const void *value,
                  socklen_t len, int *result);
bool bsd_fast_get(const struct bsd_sock *s, int name, void *value, socklen_t *len, int *result);

/* ---- bsd_errq.c ---- */

/* A call gave `len` bytes to the stream. `stamps`: SOF_TIMESTAMPING_TX_... of this call alone. */
void bsd_mark_sent(struct bsd_sock *s, size_t len, int flags, unsigned stamps);
/* Tell of what was sent and acknowledged. */
void bsd_marks_check(struct elko_bsd *b, struct bsd_sock *s);
void bsd_errq_free(struct bsd_sock *s);
int bsd_set_timestamping(struct elko_bsd *b, struct bsd_sock *s, int flags);
/* The oldest report as a control message; -EAGAIN: none. */
ssize_t bsd_errq_take(struct elko_bsd *b, struct bsd_sock *s, struct msghdr *msg);
/* Append a control message; *used: bytes of msg_control so far. */
void bsd_put_control(struct msghdr *msg, size_t *used, int level, int type, const void *data,
                     size_t len);

/* elko_bsd_send(), with stamps for this call alone. */
ssize_t bsd_send(struct elko_bsd *b, int fd, const void *buf, size_t len, int flags,
                 unsigned stamps);

/* ---- bsd_urgent.c ---- */

/* The peer's urgent pointer has moved. */
void bsd_urgent_news(struct elko_bsd *b, struct bsd_sock *s);
/* SIOCATMARK, POLLPRI, FIONREAD. */
bool bsd_at_mark(struct elko_bsd *b, struct bsd_sock *s);
bool bsd_urgent_waits(struct elko_bsd *b, struct bsd_sock *s);
int64_t bsd_urgent_ready(struct elko_bsd *b, struct bsd_sock *s);
/* How many of `len` bytes a call may read, behind the first *skip of the stream. */
size_t bsd_urgent_limit(struct elko_bsd *b, struct bsd_sock *s, size_t len, size_t *skip);
/* recv(MSG_OOB). */
ssize_t bsd_urgent_recv(struct elko_bsd *b, struct bsd_sock *s, void *buf, size_t len, int flags);

/* ---- bsd_sndbuf.c ---- */

/* How many of `len` bytes may be given to the stack now; whoever has more calls again after output. */
size_t bsd_send_share(struct elko_bsd *b, struct bsd_sock *s, size_t len);
/* `len` bytes were given. */
void bsd_send_count(struct elko_bsd *b, struct bsd_sock *s, size_t len);
/* Would poll() say that it is writable? */
bool bsd_send_has_room(struct elko_bsd *b, struct bsd_sock *s);
/* What SO_SNDBUF tells when nobody set it. */
int bsd_send_buffer(struct elko_bsd *b, struct bsd_sock *s);
/* A packet goes beyond the limit, and one that was begun is filled. */
enum { BSD_SNDBUF_MORE = 2 * 65536 };
void bsd_send_forget(struct bsd_sock *s);

/* ---- bsd_eor.c ---- */

/* Must what is written now wait for the end of a record to be sent? */
bool bsd_eor_waits(struct elko_bsd *b, const struct bsd_sock *s);
/* Keep it; below 0: no memory. */
ssize_t bsd_eor_keep(struct elko_bsd *b, struct bsd_sock *s, const void *buf, size_t len);
/* What was written up to now is a record. */
void bsd_eor_mark(struct bsd_sock *s);
/* Give the stack what need not wait any more; `all`: whatever it is. */
void bsd_eor_release(struct elko_bsd *b, struct bsd_sock *s, bool all);
void bsd_eor_free(struct bsd_sock *s);

/* ---- bsd_msg.c: pipes ---- */

void bsd_pipe_close(struct bsd_sock *s);
ssize_t bsd_pipe_read(struct bsd_sock *s, uint8_t *buf, size_t len);
ssize_t bsd_pipe_write(struct bsd_sock *s, const uint8_t *buf, size_t len);
unsigned bsd_pipe_poll(const struct bsd_sock *s);

void bsd_epoll_free(struct bsd_sock *s);
void bsd_epoll_forget(struct elko_bsd *b, int fd);

#endif
