"""SCons tools; from the wheel: `toolpath=[PyPackageDir('packageimage.site_tools')]`."""
