/*
 * names.c - enumerations as text.
 *
 * Each name comes from the X-macro list that makes the enumeration (elko/info.h, elko/trace.h,
 * elko/types.h), so that none can be forgotten or differ. Values outside of an enumeration are
 * answered with "?".
 */
#include "base/port.h"

#include <elko/info.h>
#include <elko/stack.h>
#include <elko/trace.h>
#include <elko/types.h>

static const char *const drop_names[] = {
#define ELKO_X(name, text) #name,
        ELKO_DROP_LIST(ELKO_X)
#undef ELKO_X
};

static const char *const drop_texts[] = {
#define ELKO_X(name, text) text,
        ELKO_DROP_LIST(ELKO_X)
#undef ELKO_X
};

static const char *const state_names[] = {
#define ELKO_X(name, text) text,
        ELKO_TCP_STATE_LIST(ELKO_X)
#undef ELKO_X
};

static const char *const trace_names[] = {
#define ELKO_X(name, text) text,
        ELKO_TRACE_LIST(ELKO_X)
#undef ELKO_X
};

static const char *const why_texts[] = {
#define ELKO_X(name, text) text,
        ELKO_WHY_LIST(ELKO_X)
#undef ELKO_X
};

static const char *const timer_names[] = {
#define ELKO_X(name, text) text,
        ELKO_TIMER_LIST(ELKO_X)
#undef ELKO_X
};

static const char *pick(const char *const *names, uint32_t count, uint32_t value)
{
        return value < count ? names[value] : "?";
}

const char *elko_drop_name(enum elko_drop reason)
{
        return pick(drop_names, ELKO_DROP_COUNT, (uint32_t)reason);
}

const char *elko_drop_text(enum elko_drop reason)
{
        return pick(drop_texts, ELKO_DROP_COUNT, (uint32_t)reason);
}

const char *elko_tcp_state_name(enum elko_tcp_state state)
{
        return pick(state_names, ELKO_TCP_STATE_COUNT, (uint32_t)state);
}

const char *elko_trace_name(enum elko_trace_kind kind)
{
        return pick(trace_names, ELKO_TRACE_COUNT, (uint32_t)kind);
}

const char *elko_why_text(enum elko_why why)
{
        return pick(why_texts, ELKO_WHY_COUNT, (uint32_t)why);
}

const char *elko_timer_name(enum elko_timer timer)
{
        return pick(timer_names, ELKO_TIMER_COUNT, (uint32_t)timer);
}

const char *elko_error_name(int error)
{
        switch (error) {
        case ELKO_OK: return "OK";
#define ELKO_X(name, value, text)                                                                  \
        case ELKO_##name: return #name;
                ELKO_ERROR_LIST(ELKO_X)
#undef ELKO_X
        }
        return "?";
}

const char *elko_error_text(int error)
{
        switch (error) {
        case ELKO_OK: return "no error";
#define ELKO_X(name, value, text)                                                                  \
        case ELKO_##name: return text;
                ELKO_ERROR_LIST(ELKO_X)
#undef ELKO_X
        }
        return "not an error code of elko";
}

const char *elko_version(void)
{
        return "0.1.0";
}
