/*
 * The counter behind EK_WORK(), for test programs that do not define it themselves. It comes from
 * an archive, so a program with its own definition never sees this one.
 */
#include "base/port.h"

uint64_t ek_work_counter;
