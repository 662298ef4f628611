// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_random.c - users and guests that do anything at all.
 *
 * Random requests with arguments that are nonsense or nearly right, and a
 * guest that writes anything into its shared page before each call.  Nothing
 * may crash (sanitizers watch), call fatal() or be left behind.
 */
#include <stdio.h>

#include "core.h"

#define ROUNDS	1000
#define STEPS	400

static struct core c;
static uint64_t seed;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t pick(uint64_t n)
{
	return rnd() % n;
}

/* A number such as mistakes are made of. */
static uint64_t number(void)
{
	static const uint64_t edges[] = {
		0, 1, 2, 31, 32, 33, 255, 256, 4095, 4096, 4097, 2 * MIB,
		4 * MIB, 1ull << 31, 1ull << 32, 1ull << 47, 1ull << 63,
		UINT64_MAX, UINT64_MAX - 4095,
	};

	switch (pick(4)) {
	case 0:
		return rnd();
	case 1:
		return c.vm && c.vm->chunks ?
		       cvm_chunk_at(c.vm, 0)->hpa + pick(64 * MIB) : pick(8);
	default:
		return edges[pick(sizeof(edges) / sizeof(edges[0]))];
	}
}

static void scribble(struct cvm_shared *s)
{
	uint32_t i;

	if (!pick(4))
		s->deadline_tsc = number();
	if (!pick(8))
		s->armed_tsc = number();
	if (!pick(4))
		s->events = rnd();
	if (!pick(8))
		s->con_tail = s->con_head - (uint32_t)pick(600);
	for (i = 0; !pick(16) && i < sizeof(s->guest_text); i++)
		s->guest_text[i] = (char)rnd();
	for (i = 0; !pick(16) && i < sizeof(s->guest_release); i++)
		s->guest_release[i] = (char)rnd();
}

/* Mostly it does what a guest may do, or it would not live long. */
static void guest(struct cvm_priv *priv, struct cvm_shared *s)
{
	uint32_t i;

	s->hypercall = (uint32_t)pick(CVM_HC_POWEROFF);
	if (s->hypercall > CVM_HC_TIME)
		s->hypercall = CVM_HC_IRQ;
	s->vector = 0x20 + (uint32_t)pick(0xe0);
	for (i = 0; i < 6; i++)
		s->arg[i] = number();
	if (s->hypercall == CVM_HC_CONSOLE_OUT && pick(16)) {
		s->arg[0] = c.vm->first_hpa + pick(4096);
		s->arg[1] = pick(4097);
	}
	if (!pick(64))
		s->hypercall = (uint32_t)number();
	if (!pick(64))
		s->vector = (uint32_t)number();
	scribble(s);
	priv->nmi += !pick(8);
	priv->mce += !pick(32);
	if (!pick(16))
		c.host.poll_ret = -CVM_EINTR;
	if (!pick(256))
		cvm_vm_kill(c.vm);
}

/* Arguments: numbers all over, or nearly what is wanted. */
static void fill(const struct cvm_ioctl *request, uint8_t *arg)
{
	uint64_t value;
	uint32_t i;

	memset(arg, 0, request->size);
	for (i = 0; i + 8 <= request->size && i < 64; i += 8) {
		value = number();
		memcpy(arg + i, &value, 8);
	}
	if (!pick(3))
		return;
	switch (request->number) {
	case CVM_USER_MEM_ADD:
		*(struct cvm_user_mem *)arg = (struct cvm_user_mem){
			.bytes = (1 + pick(40)) * 2 * MIB,
			.first_bytes = pick(10) * 2 * MIB,
			.min_hpa = pick(4) ? 0 : number(),
		};
		break;
	case CVM_USER_VCPU_CREATE:
		((struct cvm_user_vcpu *)arg)->vcpu = c.vm->vcpus_made;
		break;
	case CVM_USER_VCPU_BOOT:
		((struct cvm_user_boot *)arg)->vcpu = (uint32_t)pick(3);
		((struct cvm_user_boot *)arg)->cr3 = number() & ~4095ull;
		break;
	case CVM_USER_VCPU_RUN:
		((struct cvm_user_run *)arg)->vcpu = (uint32_t)pick(3);
		break;
	case CVM_USER_CONSOLE_IN:
		*(uint32_t *)arg = (uint32_t)pick(513);
		break;
	case CVM_USER_STATS:
	case CVM_USER_STOP:
	case CVM_USER_KILL:
		*(uint32_t *)arg = (uint32_t)pick(3);
		break;
	default:
		break;
	}
}

static void step(uint8_t *arg)
{
	const struct cvm_ioctl *request = cvm_ioctl_find((uint32_t)pick(24));
	uint64_t gpa = number();
	const struct fake_block *chunk;
	int ret;

	/* Killing has its own share. */
	if (!request || (request->number == CVM_USER_KILL && pick(16)))
		return;
	fill(request, arg);
	ret = cvm_ioctl_call(request, c.mon, c.vm, arg, request->size);
	assert_in_range(-ret, 0, 100);
	assert_false(c.host.in_slice);
	if (request->number == CVM_USER_LIST)
		assert_int_equal(strnlen(((struct cvm_user_list *)arg)
					 ->vm[0].release, 64) < 64, 1);
	chunk = cvm_vm_chunk(c.vm, gpa);
	if (chunk)
		assert_in_range(gpa, chunk->hpa, chunk->hpa + chunk->bytes -
				1);
}

/* Most VMs get as far as running; whatever fails is part of the game. */
static void begin(void)
{
	struct cvm_user_boot boot = { .vcpu = 0 };

	if (!pick(8))
		return;
	core_mem(&c, 64 * MIB, pick(2) * 8 * MIB);
	core_vcpu(&c, 0);
	core_vcpu(&c, 1);
	boot.cr3 = c.vm->first_hpa;
	core_request(&c, CVM_USER_VCPU_BOOT, &boot);
}

static void anything(void **state)
{
	static uint8_t arg[sizeof(struct cvm_user_stats) +
			   sizeof(struct cvm_user_list)];
	uint64_t ended = 0, switches = 0;
	int round, i;

	(void)state;
	seed = 0x9e3779b97f4a7c15ull;
	for (round = 0; round < ROUNDS; round++) {
		core_init(&c);
		c.host.never_sleep = 1;
		c.host.piece_max = (1 + pick(64)) * 2 * MIB;
		c.host.gap = pick(2) * 2 * MIB;
		c.host.mem_left = GIB;
		c.host.fail_at = pick(3) ? 0 : 8 + pick(200);
		fake_cpu.guest = guest;
		assert_int_equal(core_attach(&c), 0);
		if (core_create(&c, 1 + (uint32_t)pick(4))) {
			core_end(&c);
			continue;
		}
		begin();
		for (i = 0; i < STEPS; i++)
			step(arg);
		ended += c.vm->state == CVM_VM_ENDED;
		switches += fake_cpu.switches;
		core_end(&c);
		assert_int_equal(c.host.calls[FAKE_FATAL], 0);
	}
	print_message("%d rounds of %d requests: %llu switches, %llu VMs "
		      "ended\n", ROUNDS, STEPS, (unsigned long long)switches,
		      (unsigned long long)ended);
	assert_true(switches > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
