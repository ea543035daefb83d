/* vendor.c - a library of somebody else, which a plugin needs and which is not there. */
int vendor_function(void);
int vendor_function(void)
{
    return 1;
}
