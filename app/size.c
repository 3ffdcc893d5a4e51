#include "app.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

bool parse_size(const char *text, size_t *ret)
{
	char *end;

	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (end == text || errno || *text == '-')
		return false;
	unsigned shift = 0;
	switch (toupper((unsigned char)*end)) {
	case 'K':
		shift = 10;
		break;
	case 'M':
		shift = 20;
		break;
	case 'G':
		shift = 30;
		break;
	case 'T':
		shift = 40;
		break;
	}
	if (shift)
		end++;
	if (shift && (strcmp(end, "iB") == 0 || strcmp(end, "B") == 0))
		end += strlen(end);
	if (*end || n > SIZE_MAX >> shift)
		return false;
	*ret = (size_t)n << shift;
	return true;
}
