// phonenumber.cc - the C++ side of phonenumber.h; see there.

#include "shim/phonenumber.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include <phonenumbers/logger.h>
#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>
#include <phonenumbers/shortnumberinfo.h>

#include "contactor/error.h"

using i18n::phonenumbers::NullLogger;
using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;
using i18n::phonenumbers::ShortNumberInfo;

namespace
{

// Built once by phonenumber_init and never destroyed: lookups may outlive main.
PhoneNumberUtil *util;
ShortNumberInfo *short_info;

// Longest national number the library knows how to look at.
constexpr unsigned kLongestNational = 17;

// Runs a call into the library; what it throws becomes an error code.
template <typename Call> int guarded(Call call) noexcept
{
    try {
        return call();
    } catch (const std::bad_alloc &) {
        return -CTR_ENOMEM;
    } catch (...) {
        return -CTR_EINTERNAL;
    }
}

bool is_service(PhoneNumberUtil::PhoneNumberType type)
{
    switch (type) {
    case PhoneNumberUtil::TOLL_FREE:
    case PhoneNumberUtil::PREMIUM_RATE:
    case PhoneNumberUtil::SHARED_COST:
    case PhoneNumberUtil::UAN:
        return true;
    default:
        return false;
    }
}

int describe(const PhoneNumber &number, enum phonenumber_effort effort,
             struct phonenumber *out)
{
    std::string national;

    util->GetNationalSignificantNumber(number, &national);
    std::string digits =
        std::to_string(static_cast<unsigned>(number.country_code())) + national;
    if (digits.size() > PHONENUMBER_DIGITS_MAX)
        return -CTR_EFORMAT;
    std::memcpy(out->digits, digits.c_str(), digits.size() + 1);
    out->len = static_cast<uint8_t>(digits.size());
    out->calling_code = static_cast<uint32_t>(number.country_code());
    out->possible =
        util->IsPossibleNumberWithReason(number) == PhoneNumberUtil::IS_POSSIBLE;
    if (effort == PHONENUMBER_CHECK) {
        PhoneNumberUtil::PhoneNumberType type = util->GetNumberType(number);
        out->valid = type != PhoneNumberUtil::UNKNOWN;
        out->service = is_service(type);
    }
    return 0;
}

// Parsing costs most of a decision, and the number it gives counts only where it is the
// digits as they are: then it is this one.
bool may_be_short(const char *digits, size_t len, const std::string &region)
{
    PhoneNumber number;

    if (len == 0 || len > kLongestNational || digits[0] < '1' || digits[0] > '9')
        return true;
    number.set_country_code(util->GetCountryCodeForRegion(region));
    number.set_national_number(std::strtoull(std::string(digits, len).c_str(), NULL, 10));
    return short_info->IsValidShortNumberForRegion(number, region);
}

} // namespace

int phonenumber_init(void)
{
    return guarded([] {
        if (util)
            return 0;
        util = PhoneNumberUtil::GetInstance();
        if (!util)
            return -CTR_EINTERNAL;
        util->SetLogger(new NullLogger);
        short_info = new ShortNumberInfo;
        return 0;
    });
}

int phonenumber_parse(const char *region, const char *text, size_t len,
                      enum phonenumber_effort effort, struct phonenumber *out)
{
    std::memset(out, 0, sizeof(*out));
    return guarded([=] {
        PhoneNumber number;
        std::string where = region && *region ? region : "ZZ";

        if (util->Parse(std::string(text, len), where, &number) !=
            PhoneNumberUtil::NO_PARSING_ERROR)
            return -CTR_EFORMAT;
        return describe(number, effort, out);
    });
}

bool phonenumber_is_short(const char *region, const char *digits, size_t len)
{
    return guarded([=] {
               std::string where(region), dialled(digits, len), national;
               PhoneNumber number;

               if (short_info->IsEmergencyNumber(dialled, where))
                   return 1;
               if (!may_be_short(digits, len, where))
                   return 0;
               if (util->Parse(dialled, where, &number) !=
                   PhoneNumberUtil::NO_PARSING_ERROR)
                   return 0;
               util->GetNationalSignificantNumber(number, &national);
               if (national != dialled) // a national prefix is no part of it
                   return 0;
               return short_info->IsValidShortNumberForRegion(number, where) &&
                              !short_info->IsSmsServiceForRegion(number, where) &&
                              !short_info->IsCarrierSpecificForRegion(number, where)
                          ? 1
                          : 0;
           }) == 1;
}

uint32_t phonenumber_calling_code(const char *region)
{
    int code = guarded([=] { return util->GetCountryCodeForRegion(region); });

    return code > 0 ? static_cast<uint32_t>(code) : 0;
}

bool phonenumber_region(uint32_t calling_code, char region[3])
{
    return guarded([=] {
               std::string name;

               util->GetRegionCodeForCountryCode(static_cast<int>(calling_code), &name);
               if (name.size() != 2 || name == "ZZ")
                   return 0;
               std::memcpy(region, name.c_str(), 3);
               return 1;
           }) == 1;
}

void phonenumber_national_prefix(const char *region, char *out, size_t cap)
{
    out[0] = '\0';
    (void)guarded([=] {
        std::string prefix;

        util->GetNddPrefixForRegion(region, true, &prefix);
        if (prefix.size() < cap)
            std::memcpy(out, prefix.c_str(), prefix.size() + 1);
        return 0;
    });
}

uint32_t phonenumber_lengths(uint32_t calling_code)
{
    uint32_t lengths = 0;

    // The library judges a length by calling code and number of digits alone.
    (void)guarded([&] {
        uint64_t national = 2;

        for (unsigned n = 1; n <= kLongestNational; n++, national = national * 10 + 2) {
            PhoneNumber number;
            number.set_country_code(static_cast<int>(calling_code));
            number.set_national_number(national);
            if (util->IsPossibleNumberWithReason(number) == PhoneNumberUtil::IS_POSSIBLE)
                lengths |= 1u << n;
        }
        return 0;
    });
    return lengths;
}
