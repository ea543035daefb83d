// users.cc - the people of this machine (/etc/passwd) as contacts: a source in C++.
//
// The headers are plain C and can be included as they are. No exception may cross the
// plugin's border, so the one function that can throw catches.
#include <exception>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <contactor/plugin.h>

namespace
{

struct Users {
    const ctr_host *host;
    std::string file;
};

const ctr_option options[] = {{"file", CTR_OPT_PATH, 0, 0, 0, "/etc/passwd", nullptr,
                               "A file in the form of passwd(5)."}};

int32_t create(const ctr_host *host, const ctr_config *config, void **instance)
{
    try {
        *instance = new Users{host, host->option_str(config, "file")};
        return 0;
    } catch (const std::exception &e) {
        host->fail(host, e.what());
        return -CTR_ENOMEM;
    }
}

void destroy(void *instance)
{
    delete static_cast<Users *>(instance);
}

std::vector<std::string> split(const std::string &line, char by)
{
    std::vector<std::string> parts;
    std::istringstream in(line);

    for (std::string part; std::getline(in, part, by);)
        parts.push_back(part);
    return parts;
}

ctr_str str(const std::string &text)
{
    return {text.data(), text.size()};
}

// GECOS: name, office, business phone, home phone
int32_t put(const Users &users, ctr_sync *sync, const std::vector<std::string> &user)
{
    const auto gecos = split(user[4], ',');
    std::vector<ctr_field> fields;
    auto add = [&](uint32_t kind, size_t i) {
        if (i < gecos.size() && !gecos[i].empty()) {
            ctr_field field{};
            field.kind = kind;
            field.value = str(gecos[i]);
            fields.push_back(field);
        }
    };
    add(CTR_FIELD_DISPLAY_NAME, 0);
    add(CTR_FIELD_DEPARTMENT, 1);
    add(CTR_FIELD_PHONE_BUSINESS, 2);
    add(CTR_FIELD_PHONE_HOME, 3);
    ctr_contact contact{};
    contact.size = sizeof(contact);
    contact.id = str(user[0]);
    contact.fields = fields.data();
    contact.n_fields = static_cast<uint32_t>(fields.size());
    contact.field_size = sizeof(ctr_field);
    return users.host->sync_put(users.host, sync, &contact, 1);
}

int32_t read_users(const Users &users, ctr_sync *sync)
{
    std::ifstream in(users.file);
    int32_t err = 0;
    unsigned n = 0;

    if (!in) {
        users.host->fail(users.host, ("cannot open " + users.file).c_str());
        return -CTR_EUNAVAIL;
    }
    for (std::string line; err == 0 && std::getline(in, line);) {
        const auto user = split(line, ':');
        const std::string where = "line " + std::to_string(++n);

        if (user.size() < 5 || user[0].empty())
            users.host->sync_reject(users.host, sync, where.c_str(),
                                    "it is not of the form of passwd(5)");
        else
            err = put(users, sync, user);
    }
    return err;
}

int32_t sync(void *instance, ctr_sync *sync, const ctr_sync_request *)
{
    const Users &users = *static_cast<Users *>(instance);

    try {
        return read_users(users, sync);
    } catch (const std::exception &e) {
        users.host->fail(users.host, e.what());
        return -CTR_EIO;
    }
}

const ctr_source source = {
    sizeof(ctr_source), CTR_ON_LANE, 0, 0, sync, nullptr, nullptr, nullptr, nullptr};

} // namespace

CTR_PLUGIN = {sizeof(ctr_plugin),
              CTR_ABI_CURRENT,
              CTR_ABI(1, 0),
              1,
              "users",
              "1.0",
              "the people of this machine",
              options,
              sizeof(ctr_option),
              0,
              &source,
              nullptr,
              nullptr,
              create,
              nullptr,
              nullptr,
              nullptr,
              destroy};
