from hypothesis import settings

settings.register_profile("default", deadline=None, max_examples=60, derandomize=True)
# other points each time: pytest --hypothesis-profile=thorough
settings.register_profile("thorough", deadline=None, max_examples=300)
settings.load_profile("default")
