//! lines.rs - contacts from a text file, one a line: id TAB name TAB number. A source in Rust,
//! without crates: bindgen makes ctr.rs of the headers, rustc makes the plugin.
#![allow(non_camel_case_types, non_upper_case_globals, dead_code, deref_nullptr)]

use std::ffi::{c_void, CStr, CString, OsStr};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::mem::size_of;
use std::os::raw::c_char;
use std::os::unix::ffi::OsStrExt;
use std::panic::catch_unwind;

include!(concat!(env!("CTR_BINDINGS"), "/ctr.rs"));

const EUNAVAIL: i32 = CTR_EUNAVAIL as i32;
const EIO: i32 = CTR_EIO as i32;

struct Lines {
    host: *const ctr_host,
    file: String,
}

fn text(s: &[u8]) -> ctr_str {
    ctr_str { ptr: s.as_ptr() as *const c_char, len: s.len() as u64 }
}

impl Lines {
    fn host(&self) -> &ctr_host {
        // The host table is valid until destroy has returned.
        unsafe { &*self.host }
    }

    fn fail(&self, code: i32, reason: String) -> i32 {
        let reason = CString::new(reason.replace('\0', " ")).unwrap_or_default();
        unsafe { self.host().fail.unwrap()(self.host, reason.as_ptr()) };
        -code
    }

    fn reject(&self, sync: *mut ctr_sync, line: usize) {
        let place = CString::new(format!("line {line}")).unwrap_or_default();
        let reason = b"it is not id, name and number\0";
        unsafe {
            self.host().sync_reject.unwrap()(
                self.host,
                sync,
                place.as_ptr(),
                reason.as_ptr() as *const c_char,
            )
        };
    }

    fn put(&self, sync: *mut ctr_sync, id: &[u8], name: &[u8], number: &[u8]) -> i32 {
        let field = |kind: u32, value: &[u8]| ctr_field {
            kind,
            flags: 0,
            value: text(value),
            name: ctr_str { ptr: std::ptr::null(), len: 0 },
            e164: ctr_str { ptr: std::ptr::null(), len: 0 },
        };
        let fields =
            [field(CTR_FIELD_DISPLAY_NAME, name), field(CTR_FIELD_PHONE_BUSINESS, number)];
        let mut contact: ctr_contact = unsafe { std::mem::zeroed() };
        contact.size = size_of::<ctr_contact>() as u32;
        contact.id = text(id);
        contact.fields = fields.as_ptr();
        contact.n_fields = fields.len() as u32;
        contact.field_size = size_of::<ctr_field>() as u32;
        unsafe { self.host().sync_put.unwrap()(self.host, sync, &contact, 1) }
    }

    fn read(&self, sync: *mut ctr_sync) -> i32 {
        let file = match File::open(&self.file) {
            Ok(file) => file,
            Err(e) => return self.fail(EUNAVAIL, format!("cannot open {}: {e}", self.file)),
        };
        for (n, line) in BufReader::new(file).split(b'\n').enumerate() {
            let line = match line {
                Ok(line) => line,
                Err(e) => return self.fail(EIO, format!("cannot read {}: {e}", self.file)),
            };
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            let parts: Vec<&[u8]> = line.splitn(3, |b| *b == b'\t').collect();
            if parts.len() < 3 || parts[0].is_empty() {
                self.reject(sync, n + 1);
                continue;
            }
            let code = self.put(sync, parts[0], parts[1], parts[2]);
            if code != 0 {
                return code;
            }
        }
        0
    }
}

unsafe extern "C" fn create(
    host: *const ctr_host,
    config: *const ctr_config,
    instance: *mut *mut c_void,
) -> i32 {
    let file = (*host).option_str.unwrap()(config, b"file\0".as_ptr() as *const c_char);
    let file = OsStr::from_bytes(CStr::from_ptr(file).to_bytes()).to_string_lossy().into_owned();
    *instance = Box::into_raw(Box::new(Lines { host, file })) as *mut c_void;
    0
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    drop(Box::from_raw(instance as *mut Lines));
}

/// No panic may cross the plugin's border.
unsafe extern "C" fn sync(
    instance: *mut c_void,
    sync: *mut ctr_sync,
    _request: *const ctr_sync_request,
) -> i32 {
    let lines = &*(instance as *const Lines);
    catch_unwind(std::panic::AssertUnwindSafe(|| lines.read(sync)))
        .unwrap_or_else(|_| lines.fail(CTR_EINTERNAL as i32, "the plugin panicked".into()))
}

/// What is shared is read only; Rust wants that said of raw pointers.
#[repr(transparent)]
pub struct Shared<T>(T);
unsafe impl<T> Sync for Shared<T> {}

const fn z(s: &'static [u8]) -> *const c_char {
    s.as_ptr() as *const c_char
}

static OPTIONS: Shared<[ctr_option; 1]> = Shared([ctr_option {
    name: z(b"file\0"),
    type_: CTR_OPT_PATH,
    flags: CTR_OPT_REQUIRED,
    min: 0,
    max: 0,
    default_value: std::ptr::null(),
    choices: std::ptr::null(),
    doc: z(b"The text file: id, name and number, separated by tabs.\0"),
}]);

static SOURCE: Shared<ctr_source> = Shared(ctr_source {
    size: size_of::<ctr_source>() as u32,
    threading: CTR_ON_LANE,
    flags: 0,
    reserved: 0,
    sync: Some(sync),
    sync_cancel: None,
    search: None,
    search_cancel: None,
    test: None,
});

#[no_mangle]
pub static contactor_plugin: Shared<ctr_plugin> = Shared(ctr_plugin {
    size: size_of::<ctr_plugin>() as u32,
    abi_built: 1 << 16 | 1,
    abi_needs: 1 << 16,
    n_options: 1,
    name: z(b"lines\0"),
    version: z(b"1.0\0"),
    summary: z(b"contacts from a text file, in Rust\0"),
    options: &OPTIONS.0 as *const ctr_option,
    option_size: size_of::<ctr_option>() as u32,
    reserved: 0,
    source: &SOURCE.0,
    frontend: std::ptr::null(),
    check: None,
    create: Some(create),
    bind: None,
    start: None,
    stop: None,
    destroy: Some(destroy),
});
