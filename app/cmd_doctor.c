#include "app.h"
int cmd_doctor(const struct options *o)
{
	(void)o;
	return 0;
}
