/* SPDX-License-Identifier: MIT */
#include "tcp/cwv.h"

/*
 * RFC 7661. A window that was once measured says little when it is not used. pipeACK is what was acknowledged in a
 * round trip, the most of the last second (or of three round trips). While it is below half of cwnd the sender is in
 * the non-validated phase:
 *
 *      cwnd neither grows (the algorithms see to that: cwnd_limited) nor, for five minutes, shrinks
 *      a loss lowers it from what was used, max(pipeACK, FlightSize), and at the end of recovery from
 *      that less what was sent again
 *      what leaves is paced (4.4.2)
 *
 * Deviation: 4.4.1 halves; elko lowers by the algorithm's own factor when the loss is found, and halves at the end.
 */

#define NVP_NS        300000000000u /* five minutes, (4.4) */
#define PERIOD_MIN_NS 1000000000u

/* Max(3*RTT, 1 second), (4.2) */
static uint64_t period(uint64_t srtt_ns)
{
        return ek_max_u64(3 * srtt_ns, PERIOD_MIN_NS);
}

static void take_sample(struct ek_cwv *v, uint64_t now, uint64_t srtt_ns, uint64_t delivered)
{
        uint64_t sample = delivered - v->sample_from;

        if (!v->defined)
                ek_winfilter_reset(&v->pipe_ack, now, sample);
        else
                ek_winfilter_max(&v->pipe_ack, period(srtt_ns), now, sample);
        v->defined = true;
        v->sample_at = now;
        v->sample_from = delivered;
}

bool ek_cwv_on_ack(struct ek_cwv *v, uint64_t now, uint64_t srtt_ns, uint64_t delivered,
                   uint32_t cwnd)
{
        bool over = false;

        if (v->sample_at == 0) {
                v->sample_at = ek_max_u64(now, 1);
                v->sample_from = delivered;
        } else if (now - v->sample_at >= srtt_ns) {
                take_sample(v, now, srtt_ns, delivered);
        }
        if (!v->defined || 2 * ek_winfilter_get(&v->pipe_ack) >= cwnd) {
                v->nonvalidated = false;
                return false;
        }
        if (!v->nonvalidated)
                v->nvp_at = now;
        else
                over = now - v->nvp_at > NVP_NS;
        if (over)
                v->nvp_at = now;
        v->nonvalidated = true;
        return over;
}

uint32_t ek_cwv_on_loss(struct ek_cwv *v, uint32_t flight, uint64_t retrans_bytes)
{
        v->sample_at = 0;
        if (!v->nonvalidated)
                return flight;
        v->loss_flight = ek_max_u32(
                flight, (uint32_t)ek_min_u64(ek_winfilter_get(&v->pipe_ack), UINT32_MAX));
        v->retrans_from = retrans_bytes;
        return v->loss_flight;
}

uint32_t ek_cwv_on_recovered(struct ek_cwv *v, uint64_t retrans_bytes)
{
        uint64_t again = retrans_bytes - v->retrans_from;
        uint32_t flight = v->loss_flight;

        *v = (struct ek_cwv){0};
        if (flight == 0)
                return UINT32_MAX;
        return (uint32_t)((flight - ek_min_u64(again, flight)) / 2);
}

uint32_t ek_cwv_after_silence(uint64_t silence_ns, uint32_t cwnd, uint32_t initial,
                              uint32_t *ssthresh)
{
        if (silence_ns <= NVP_NS)
                return cwnd;
        *ssthresh = ek_max_u32(*ssthresh, (uint32_t)((uint64_t)cwnd * 3 / 4));
        return ek_min_u32(cwnd, ek_max_u32(cwnd / 2, initial));
}
