// toml.cc - the walk over toml++'s tree.
#include "shim/toml.h"

#include <cstdio>
#include <exception>
#include <sstream>
#include <string>
#include <string_view>

// Debian's library is built without asserts; some of them fail on input such as "[[". The
// parser reports the same input properly right behind them.
#define TOML_ASSERT(expr) static_assert(true)
#include <toml++/toml.h>

#if !TOML_EXCEPTIONS
#error "toml++ without exceptions has another interface"
#endif

namespace
{

void describe(toml_failure *failure, const toml::source_position &at,
              std::string_view text)
{
    failure->line = at.line;
    failure->column = at.column;
    std::snprintf(failure->text, sizeof(failure->text), "%.*s",
                  static_cast<int>(text.size() < 500 ? text.size() : 500), text.data());
}

class walker
{
  public:
    explicit walker(const toml_visitor &visitor) : visitor_(visitor)
    {
    }

    bool table(const toml::table &table)
    {
        for (auto &&[key, node] : table) {
            toml_item item{};
            const toml::source_position &at = key.source().begin;

            item.key = key.str().data();
            item.key_len = key.str().size();
            item.key_line = at.line;
            item.key_column = at.column;
            if (!value(item, node))
                return false;
        }
        return true;
    }

  private:
    const toml_visitor &visitor_;

    bool enter(const toml_item &item)
    {
        return visitor_.enter(visitor_.user, &item) == 0;
    }

    bool array(const toml::array &array)
    {
        for (const toml::node &node : array) {
            toml_item item{};

            if (!value(item, node))
                return false;
        }
        return true;
    }

    template <typename T> static std::string printed(const T &value)
    {
        std::ostringstream out;

        out << value;
        return out.str();
    }

    bool time(toml_item &item, const toml::node &node)
    {
        std::string text;

        if (auto date = node.as_date())
            text = printed(date->get());
        else if (auto time = node.as_time())
            text = printed(time->get());
        else if (auto both = node.as_date_time())
            text = printed(both->get());
        item.kind = TOML_TIME;
        item.text = text.data();
        item.text_len = text.size();
        return enter(item);
    }

    bool value(toml_item &item, const toml::node &node)
    {
        const toml::source_position &at = node.source().begin;

        item.line = at.line;
        item.column = at.column;
        if (auto children = node.as_table()) {
            item.kind = TOML_TABLE;
            if (!enter(item) || !table(*children))
                return false;
            visitor_.leave(visitor_.user);
            return true;
        }
        if (auto elements = node.as_array()) {
            item.kind = TOML_ARRAY;
            if (!enter(item) || !array(*elements))
                return false;
            visitor_.leave(visitor_.user);
            return true;
        }
        if (auto string = node.as_string()) {
            item.kind = TOML_STRING;
            item.text = string->get().data();
            item.text_len = string->get().size();
        } else if (auto integer = node.as_integer()) {
            item.kind = TOML_INT;
            item.integer = integer->get();
        } else if (auto real = node.as_floating_point()) {
            item.kind = TOML_FLOAT;
            item.real = real->get();
        } else if (auto boolean = node.as_boolean()) {
            item.kind = TOML_BOOL;
            item.integer = boolean->get() ? 1 : 0;
        } else {
            return time(item, node);
        }
        return enter(item);
    }
};

} // namespace

extern "C" int toml_walk(const char *text, size_t len, const toml_visitor *visitor,
                         toml_failure *failure)
{
    *failure = toml_failure{};
    try {
        const toml::table root = toml::parse(std::string_view(text, len));

        if (walker(*visitor).table(root))
            return 0;
        describe(failure, {}, "too much for the reader");
    } catch (const toml::parse_error &error) {
        describe(failure, error.source().begin, error.description());
    } catch (const std::exception &error) {
        describe(failure, {}, error.what());
    } catch (...) {
        describe(failure, {}, "unknown exception");
    }
    return -1;
}
