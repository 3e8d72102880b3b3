#include "base/allowance.h"

void
allowance_init(
    struct allowance *a, int64_t most, int64_t second, struct mono now)
{
	*a = (struct allowance){
		.left = most, .most = most, .second = second, .at = now
	};
}

bool
allowance_take(struct allowance *a, uint64_t n, struct mono now)
{
	a->left += (now.ms - a->at.ms) * a->second / 1000;
	a->at = now;
	if (a->left > a->most)
		a->left = a->most;
	if (a->left < 0)
		return false;
	a->left -= (int64_t)n;
	return true;
}
