import sys
sys.path[:] = [p for p in sys.path if p]  # not the current directory
import json, os, site, sysconfig
from importlib import metadata
try:
    d = metadata.distribution("flyte")
    sdk, origin = d.version, str(d.locate_file(""))
except metadata.PackageNotFoundError:
    sdk, origin = None, ""
user = site.ENABLE_USER_SITE
scripts = [os.path.dirname(sys.executable), sysconfig.get_path("scripts")]
if user:
    scripts.append(os.path.join(site.getuserbase(), "bin"))
print(json.dumps({
    "executable": sys.executable, "prefix": sys.prefix, "base_prefix": sys.base_prefix,
    "version": "%d.%d.%d" % sys.version_info[:3], "sdk": sdk, "origin": origin,
    "path": sys.path, "scripts": list(dict.fromkeys(scripts)),
    "user_base": site.getuserbase() if user else "", "user_site": site.getusersitepackages() if user else "",
}))
